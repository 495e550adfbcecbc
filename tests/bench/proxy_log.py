#!/usr/bin/env python3
"""Write a made-up Blue Coat log, always the same for the same number of lines: proxy_log.py [LINES] >FILE.

27 fields in Spot's order, about 350 bytes a line; names, paths and user agents come from pools whose members differ much in how often they are used.
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from proxy import FIELDS  # noqa: E402

START_HOUR = 5


def pools(rng):
    """Pools of values, the frequent ones first."""
    word = [''.join(rng.choices('abcdefghijklmnopqrstuvwxyz', k=rng.randint(3, 10))) for _ in range(3000)]
    hosts = [f'{rng.choice(["www", "cdn", "api", "img"])}.{rng.choice(word)}{i}.{rng.choice(["com", "org", "net"])}' for i in range(20000)]
    agents = [f'"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/{rng.randint(500, 600)}.{i} (KHTML, like Gecko) Chrome/{rng.randint(60, 120)}.0 Safari/537.36"'
              for i in range(1500)]
    types = [('text/html', 'html'), ('image/jpeg', 'jpg'), ('application/javascript', 'js'), ('text/css', 'css'), ('image/gif', 'gif'), ('application/json', '-')]
    cats = ['"Technology/Internet"', '"Web Ads/Analytics;Business/Economy"', '"Social Networking"', '"News/Media"', '"none"']
    return word, hosts, agents, types, cats


def pick(rng, pool):
    """A member, the first ones much more often."""
    return pool[int(len(pool) * rng.random() ** 4)]


def line(rng, number, lines, made):
    word, hosts, agents, types, cats = made
    second = START_HOUR * 3600 + number * 3 * 3600 // lines
    kind, extension = pick(rng, types)
    host = pick(rng, hosts)
    path = '/' + '/'.join(rng.choice(word) for _ in range(rng.randint(1, 4))) + (f'.{extension}' if extension != '-' else '')
    query = f'?id={rng.getrandbits(32)}&s={rng.choice(word)}' if rng.random() < 0.4 else '-'
    referer = f'http://{pick(rng, hosts)}/{rng.choice(word)}' if rng.random() < 0.6 else '-'
    scheme, port = ('https', 443) if rng.random() < 0.5 else ('http', 80)
    user = f'user{int(5000 * rng.random() ** 2)}' if rng.random() < 0.8 else '-'
    clock = f'{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}'
    return (f'2016-08-18 {clock} {int(rng.expovariate(0.005))} 10.{rng.randint(0, 7)}.{rng.randint(0, 255)}.{rng.randint(1, 254)} {user} '
            f'{"CORP%5Cstaff" if user != "-" else "-"} - OBSERVED {pick(rng, cats)} {referer} {pick(rng, [200, 304, 404, 302, 403])} '
            f'{pick(rng, ["TCP_NC_MISS", "TCP_HIT", "TCP_MISS"])} {pick(rng, ["GET", "POST", "HEAD"])} {kind} {scheme} {host} {port} {path} {query} {extension} '
            f'{pick(rng, agents)} 10.8.10.{rng.randint(11, 14)} {int(rng.lognormvariate(8, 1.5))} {rng.randint(300, 2000)} - "none" "none"\n')


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    rng = random.Random(1)
    made = pools(rng)
    sys.stdout.write(f'#Software: SGOS 6.5.9.8\n#Version: 1.0\n#Date: 2016-08-18 05:00:00\n#Fields: {FIELDS}\n')
    for number in range(lines):
        sys.stdout.write(line(rng, number, lines, made))


main()
