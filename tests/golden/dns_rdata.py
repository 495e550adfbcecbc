#!/usr/bin/env python3
"""RDATA as text against dnspython: typical and random records of every type that has text. Ours, read back by dnspython, must give the same bytes; and
what dnspython takes for malformed, and we don't, must be a row of LENIENT."""
import json
import os
import random
import subprocess
import sys

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'tests'))
import tap  # noqa: E402

PROGRAM = os.path.join(SOURCE, 'build', 'tests', 'unit', 'dissect', 'dns_rows')
SEED = 20240601
EACH = 60

python = subprocess.run([os.path.join(SOURCE, 'tools', 'venv.sh')], capture_output=True, text=True, check=False).stdout.strip()
if 'dns' not in sys.modules and os.environ.get('SLUICE_DNS_PYTHON') is None and python and os.path.realpath(sys.executable) != python:
    os.environ['SLUICE_DNS_PYTHON'] = python
    os.execv(python, [python, os.path.abspath(__file__)])
try:
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
except ImportError:
    tap.skip('dns rdata', 'no dnspython')
    tap.done()

# Zone file texts, one or more a type.
TYPICAL = [
    ('A', '192.0.2.1'), ('AAAA', '2001:db8::1'), ('AAAA', '::ffff:192.0.2.1'), ('AAAA', '::'), ('NS', 'ns1.example.com'), ('CNAME', 'a.b.c'), ('PTR', 'host.example'),
    ('DNAME', 'other.example'), ('MX', '10 mail.example.com'), ('MX', '0 .'), ('TXT', '"v=spf1 -all" "two"'), ('TXT', '"q\\"uote back\\\\slash \\200\\009"'),
    ('SPF', '"v=spf1"'), ('SOA', 'ns.example.com root.example.com 2024010101 7200 900 1209600 86400'), ('SRV', '1 2 443 target.example.com'),
    ('NAPTR', '100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .'), ('CAA', '0 issue "letsencrypt.org"'), ('CAA', '128 iodef "mailto:a@b"'),
    ('SVCB', '0 svc.example.net'), ('HTTPS', '1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1'),
    ('HTTPS', '1 . mandatory=alpn,ipv4hint alpn="h2" ipv4hint=192.0.2.1'), ('HTTPS', '16 foo. alpn="f\\\\\\\\oo\\\\,bar,h2"'), ('SVCB', '1 foo. key667="hello\\210qoo"'),
    ('HTTPS', '1 . alpn="h2" no-default-alpn ech="AAT+DQAA"'), ('SVCB', '1 doh. alpn="h2" key7="/dns-query{?dns}"'),
    ('DS', '60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118'), ('CDS', '0 0 0 00'), ('DNSKEY', '256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3'),
    ('CDNSKEY', '0 3 0 AA=='), ('RRSIG', 'A 5 3 86400 20030322173103 20030220173103 2642 example.com oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTr'),
    ('NSEC', 'host.example.com A MX RRSIG NSEC TYPE1234'), ('NSEC3', '1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG'),
    ('NSEC3', '1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s'), ('NSEC3PARAM', '1 0 12 aabbccdd'), ('NSEC3PARAM', '1 0 0 -'),
    ('TLSA', '3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971'), ('SSHFP', '2 1 123456789abcdef67890123456789abcdef67890'),
    ('LOC', '60 9 0.000 N 24 39 0.000 E 10.00m 20.00m 2000.00m 20.00m'), ('LOC', '0 0 1.500 S 179 59 59.999 W -12.34m 0.00m 1.00m 90000000.00m'),
    ('HINFO', '"cpu" "os with blank"'), ('URI', '10 1 "ftp://ftp1.example.com/public"'), ('RP', 'mbox.example txt.example'), ('AFSDB', '1 afs.example'),
    ('KX', '10 kx.example'), ('RT', '5 rt.example'), ('PX', '1 a.example b.example'), ('X25', '"311061700956"'), ('GPOS', '"-32.6882" "116.8652" "10.0"'),
    ('OPENPGPKEY', 'mQENBFVHm5sBCACv'), ('CSYNC', '66 3 A NS AAAA'), ('ZONEMD', '2018031500 1 1 ' + 'ab' * 48), ('EUI48', '00-00-5e-00-53-2a'),
    ('EUI64', '00-00-5e-ef-10-00-00-2a'), ('NID', '10 0014:4fff:ff20:ee64'), ('L32', '10 10.1.2.0'), ('L64', '10 2001:0db8:1140:1000'), ('LP', '10 l64.example'),
    ('SMIMEA', '3 1 0 abcdef'), ('DLV', '1 5 1 2bb183af5f22588179a53b0a98631fad1a292118'), ('CERT', '6 0 0 AQID'), ('DHCID', 'AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA='),
]
# Types whose limits dnspython enforces on values, where we show what is there.
LENIENT = {'DHCID', 'GPOS', 'LOC', 'CDS', 'DS', 'DLV', 'ZONEMD', 'NSEC3', 'NSEC3PARAM', 'SSHFP', 'TLSA', 'SMIMEA', 'SVCB', 'HTTPS', 'CERT', 'RRSIG', 'HINFO', 'X25', 'CAA', 'URI', 'L32', 'L64', 'NID'}


# Types that have a name at IANA, and none in dnspython.
NAMELESS = {'EID': 31, 'NIMLOC': 32, 'ATMA': 34, 'SINK': 40, 'NINFO': 56, 'RKEY': 57, 'TALINK': 58, 'DSYNC': 66, 'UINFO': 100, 'UID': 101, 'GID': 102}
# Nothing but their fixed part: dnspython prints them and does not read that back.
EMPTY = {'DNSKEY': 4, 'CDNSKEY': 4}


def message(number, data):
    return bytes.fromhex('123481800000000100000000' '00') + number.to_bytes(2, 'big') + bytes.fromhex('000100000000') + len(data).to_bytes(2, 'big') + data


def ours(cases):
    lines = ''.join(message(int(t), data).hex() + '\n' for t, data in cases)
    out = subprocess.run([PROGRAM, 'record', 'answers'], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line.rsplit('|', 1)[0])[0] for line in out.splitlines()]


def parse(kind, text):
    if kind in ('NSEC', 'CSYNC'):
        text = ' '.join(f'TYPE{NAMELESS[word]}' if word in NAMELESS else word for word in text.split(' '))
    return dns.rdata.from_text('IN', kind, text, origin=dns.name.root, relativize=False).to_wire()


def main():
    random.seed(SEED)
    cases = [(dns.rdatatype.from_text(t), parse(t, text)) for t, text in TYPICAL]
    for (kind, _), (t, text), row in zip(cases, TYPICAL, ours(cases)):
        try:
            back = parse(t, row['data'])
        except Exception as e:  # any complaint of theirs is a difference
            back = str(e)
        tap.check(f'{t} {text[:30]}', back == parse(t, text) and row['type'] == t and not row['data'].startswith('\\#'), f'{row} {back!r}')
    cases = []
    for kind, wire in [(dns.rdatatype.from_text(t), parse(t, text)) for t, text in TYPICAL]:
        for _ in range(EACH):
            data = bytearray(wire)
            for _ in range(random.randint(1, 3)):
                if data and random.random() < 0.7:
                    data[random.randrange(len(data))] = random.randrange(256)
                elif data and random.random() < 0.5:
                    del data[random.randrange(len(data)):]
                else:
                    data.append(random.randrange(256))
            cases.append((kind, bytes(data)))
    wrong, shown = [], 0
    for (kind, data), row in zip(cases, ours(cases)):
        t = dns.rdatatype.to_text(kind)
        generic = row['data'].startswith('\\#')
        try:
            theirs = dns.rdata.from_wire('IN', kind, data, 0, len(data)).to_wire()
        except Exception:
            theirs = None
        if generic:
            plain = f'\\# {len(data)} {data.hex()}'.rstrip()
            if row['data'] != plain or (theirs == data and t not in LENIENT):
                wrong.append(f'{t} {data.hex()}: {row["data"]} where dnspython reads it')
            continue
        shown += 1
        if theirs is None:
            if t not in LENIENT:
                wrong.append(f'{t} {data.hex()}: {row["data"]} where dnspython refuses')
            continue
        try:
            back = parse(t, row['data'])
        except Exception as e:
            back = e
        if back != theirs and t not in LENIENT and len(data) != EMPTY.get(t) and ' TYPE0' not in row['data']:
            wrong.append(f'{t} {data.hex()}: {row["data"]} reads back as {back!r}')
    tap.check(f'{len(cases)} random records, {shown} of them as text', not wrong and shown > EACH, '\n'.join(wrong[:20]))


main()
tap.done()
