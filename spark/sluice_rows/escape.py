"""Names of any bytes as text, and back: control characters, backslash, and bytes that are no UTF-8 are written \\xNN. doc/formats/manifest.md."""
import re


def escape(raw):
    """Bytes as text that can be shown."""
    out = []
    for char in raw.decode('utf-8', 'surrogateescape'):
        code = ord(char)
        if 0xdc80 <= code <= 0xdcff:
            out.append(f'\\x{code - 0xdc00:02x}')
        elif code < 0x20 or code == 0x5c or 0x7f <= code < 0xa0:
            # U+0080 to U+009F are two bytes, and terminals obey them
            out.extend(f'\\x{byte:02x}' for byte in char.encode())
        else:
            out.append(char)
    return ''.join(out)


def unescape(text):
    """The bytes of an escaped text; ValueError when it is not well escaped."""
    raw = text if isinstance(text, bytes) else text.encode('utf-8', 'surrogateescape')
    if re.search(rb'\\(?!x[0-9a-fA-F]{2})', raw):
        raise ValueError('not well escaped')
    return re.sub(rb'\\x([0-9a-fA-F]{2})', lambda m: bytes([int(m.group(1), 16)]), raw)
