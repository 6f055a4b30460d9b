"""Name a browser and its operating system, from the User-Agent header, as people know them."""

import re

from api.i18n import gettext

# The first match counts: Edge, Opera and Chrome also name the browsers with which they are compatible.
BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("WeChat", r"MicroMessenger/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:HeadlessChrome|Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\S+ )?Safari/"),
    ("curl", r"^curl/(\d+)"),
)
SYSTEMS = (
    ("Android", r"Android"),
    ("HarmonyOS", r"HarmonyOS|OpenHarmony"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Macintosh|Mac OS X"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


def browser_words(user_agent: str | None) -> str:
    """Return for example "Chrome 141, Windows"; an unknown program's header is returned as it was sent."""
    if not user_agent:
        return "—"
    named = [(name, found) for name, pattern in BROWSERS if (found := re.search(pattern, user_agent))]
    if not named:
        return user_agent
    name, found = named[0]
    browser = f"{name} {found[1]}"
    system = next((system for system, pattern in SYSTEMS if re.search(pattern, user_agent)), None)
    if system is None:
        return browser
    return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
