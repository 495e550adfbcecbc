"""Hadoop's configuration files."""
from xml.sax.saxutils import escape


def write(path, values):
    with open(path, 'w', encoding='utf-8') as f:
        f.write('<configuration>\n')
        f.writelines(f'<property><name>{escape(name)}</name><value>{escape(str(value))}</value></property>\n' for name, value in values.items())
        f.write('</configuration>\n')


LOG4J1 = """log4j.rootLogger=WARN,out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c: %m%n
"""

LOG4J2 = """status = warn
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c: %m%n
"""
