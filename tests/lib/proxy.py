"""Proxy logs as Blue Coat writes them (ELFF, the 27 fields of bcreportermain_v1), made up, the same in every run."""
import random
import time

FIELDS = ('date time time-taken c-ip cs-username cs-auth-group x-exception-id sc-filter-result cs-categories cs(Referer) sc-status s-action cs-method '
          'rs(Content-Type) cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs-uri-extension cs(User-Agent) s-ip sc-bytes cs-bytes x-virus-id '
          'x-bluecoat-application-name x-bluecoat-application-operation')
SITES = [('www.example-news.com', 'News/Media', 30), ('mail.example-office.com', 'Email', 20), ('cdn.example-shop.net', 'Shopping', 18),
         ('search.example.org', 'Search Engines/Portals', 15), ('video.example-stream.tv', 'Audio/Video Clips', 8), ('bet.example-casino.bid', 'Gambling', 3),
         ('update.example-bot.top', 'Malicious Sources/Malnets', 2), ('login.example-bank.click', 'Phishing', 2), ('share.example-p2p.net', 'Peer-to-Peer (P2P)', 2)]
BLOCKED = {'Gambling', 'Malicious Sources/Malnets', 'Phishing', 'Peer-to-Peer (P2P)'}
AGENTS = ['"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"', '"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"', '"curl/8.5.0"']
PATHS = [('/', '-', '-', 'text/html;%20charset=utf-8'), ('/img/logo.png', '-', 'png', 'image/png'), ('/api/v1/items', '?page=2', '-', 'application/json'),
         ('/css/site.css', '-', 'css', 'text/css'), ('/search', '?q=weather', '-', 'text/html')]


def line(rng, at):
    site = rng.choices(SITES, [s[2] for s in SITES])[0]
    host, category, _ = site
    path, query, extension, kind = rng.choice(PATHS)
    user = rng.randrange(400)
    blocked = category in BLOCKED
    scheme = rng.choice(['http', 'https'])
    values = [time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(at)), rng.randrange(3, 900), f'10.20.{user // 200}.{user % 200 + 1}', f'user{user:03}', 'staff',
              'content_filter_denied' if blocked else '-', 'DENIED' if blocked else 'OBSERVED', f'"{category}"', f'{scheme}://{host}/' if rng.random() < 0.4 else '-',
              403 if blocked else rng.choices([200, 304, 404], [88, 9, 3])[0], 'TCP_DENIED' if blocked else rng.choice(['TCP_HIT', 'TCP_NC_MISS']),
              rng.choices(['GET', 'POST'], [9, 1])[0], '-' if blocked else kind, scheme, host, 443 if scheme == 'https' else 80, path, query, extension,
              rng.choice(AGENTS), '-' if blocked else f'198.51.100.{SITES.index(site) + 1}', 1054 if blocked else int(rng.lognormvariate(9, 1.5)),
              rng.randrange(200, 1500), '-', '"none"', '"none"']
    return ' '.join(str(v) for v in values)


def log(count, start, seconds, seed=1):
    """The text of a log: count requests from start (seconds since 1970) on, evenly over so many seconds."""
    rng = random.Random(seed)
    stamp = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(start))
    head = ['#Software: SGOS 6.7.5.9', '#Version: 1.0', f'#Start-Date: {stamp}', f'#Date: {stamp}', f'#Fields: {FIELDS}']
    return '\n'.join(head + [line(rng, start + i * seconds // count) for i in range(count)]) + '\n'
