"""A certificate authority that is thrown away with its run folder, and the one certificate that every server shows."""
import os
import subprocess

PASSWORD = 'throw-away'  # Java insists on one


def make(folder):
    """Fill the folder: ca.pem for clients, server.pem (key and chain) for Kafka, server.p12 for Hadoop."""
    os.makedirs(folder, exist_ok=True)

    def openssl(*words):
        subprocess.run(['openssl', *words], cwd=folder, check=True, capture_output=True)

    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '7', '-subj', '/CN=sluice test authority',
            '-keyout', 'ca.key', '-out', 'ca.pem')
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
    with open(f'{folder}/names', 'w', encoding='ascii') as f:
        f.write('subjectAltName=IP:127.0.0.1,DNS:localhost\n')
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '7', '-extfile', 'names', '-out', 'server.crt')
    openssl('pkcs12', '-export', '-inkey', 'server.key', '-in', 'server.crt', '-certfile', 'ca.pem', '-passout', f'pass:{PASSWORD}', '-out', 'server.p12')
    with open(f'{folder}/server.pem', 'w', encoding='ascii') as out:
        for part in ('server.key', 'server.crt', 'ca.pem'):
            with open(f'{folder}/{part}', encoding='ascii') as f:
                out.write(f.read())


def of(run):
    """The folder of the authority of a run, made when it is first asked for."""
    folder = f'{run}/authority'
    if not os.path.exists(f'{folder}/ca.pem'):
        make(folder)
    return folder
