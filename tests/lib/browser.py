"""Debian's Chromium, driven by selenium: what a person sees of a page. For scripts under tools/venv.sh web."""
import os
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


def why_not():
    """'' or what is missing."""
    missing = [n for n in ('chromium', 'chromedriver') if not shutil.which(n)]
    return f'{" and ".join(missing)} not installed' if missing else ''


class Browser:
    """One Chromium without a window, with a profile of its own.

        with Browser() as b:
            b.open(url, 1280, 900, dark=True)
    """

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix='sluice-browser-')
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which('chromium')
        for word in ('--headless=new', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--no-first-run', '--disable-background-networking',
                     '--disable-component-update', '--disable-sync', '--no-proxy-server', '--force-color-profile=srgb', f'--user-data-dir={self.profile}'):
            options.add_argument(word)
        if os.geteuid() == 0:
            options.add_argument('--no-sandbox')
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which('chromedriver')))
        self.driver.set_script_timeout(60)
        self.driver.set_page_load_timeout(60)
        return self

    def __exit__(self, *_):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def shape(self, width, height, dark=False, still=False):
        """The window's size and what its user prefers; a phone where it is narrow."""
        phone = width < 600
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': width, 'height': height, 'deviceScaleFactor': 2 if phone else 1, 'mobile': phone})
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}, {'name': 'prefers-reduced-motion', 'value': 'reduce' if still else 'no-preference'}]})

    def open(self, url, width=1280, height=900, dark=False):
        self.shape(width, height, dark)
        self.driver.get(url)

    def js(self, code, *words):
        return self.driver.execute_script(code, *words)

    def text(self, css):
        return self.js('const e = document.querySelector(arguments[0]); return e ? e.innerText : ""', css)

    def complaints(self):
        """What the console says of errors: scripts, and what the policy stopped."""
        return [e['message'] for e in self.driver.get_log('browser') if e['level'] == 'SEVERE']

    def shot(self, path, whole=True):
        """A picture of the page, or of what is in sight."""
        import base64
        data = self.driver.execute_cdp_cmd('Page.captureScreenshot', {'format': 'png', 'captureBeyondViewport': whole})
        with open(path, 'wb') as f:
            f.write(base64.b64decode(data['data']))
