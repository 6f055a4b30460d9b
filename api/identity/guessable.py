"""Count the pieces of a password for somebody who guesses as people in China choose passwords.

zxcvbn knows English words; this module knows pinyin, Chinese brands, keyboard walks, dates and runs of numerals. A
password of few such pieces is guessed quickly however long it is: `woaizhongguo` has one, `Admin@123456` three.
"""

import re
from collections.abc import Iterator
from pathlib import Path

# A sequence or a repeated character counts as one piece from this length on.
SHORTEST_RUN = 3
# Signs and digits that stand for letters: p@ssw0rd.
LEET = str.maketrans("@43105$!", "aaeiossi")
_LINES = Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").splitlines()
WORDS = frozenset(word for line in _LINES if not line.startswith("#") for word in line.split())
_LONGEST_WORD = max(map(len, WORDS))
# Combinations that Mandarin does not have are rare elsewhere too, so counting them as syllables does no harm.
_SYLLABLE = re.compile(
    "(?:[zcs]h?|[bpmfdtnlgkhjqxryw])?(?:a|o|e|ai|ei|ao|ou|an|en|ang|eng|er|ong|i|ia|ie|iao|iu|ian|in|iang|ing|iong|"
    "u|ua|uo|uai|ui|uan|un|uang|ue|v|ve)"
)
_LONGEST_SYLLABLE = 6
_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "147258369",
    "!@#$%^&*()_+",
    "零一二三四五六七八九十百千万亿",
    "〇一二三四五六七八九",
    "壹贰叁肆伍陆柒捌玖拾佰仟",
    "甲乙丙丁戊己庚辛壬癸",
    "子丑寅卯辰巳午未申酉戌亥",
    "赵钱孙李周吴郑王",
)
_WALKS = (*_SEQUENCES, *(sequence[::-1] for sequence in _SEQUENCES))
_MONTH, _DAY = "(0?[1-9]|1[0-2])", "(0?[1-9]|[12][0-9]|3[01])"
_NUMBER = re.compile(
    # A year, a month or a day
    rf"(19|20)[0-9]{{2}}([-/.年]?{_MONTH}([-/.月]?{_DAY}日?)?)?|[0-9]{{2}}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])|"
    # A mobile phone number
    "1[3-9][0-9]{9}"
)
_LONGEST_NUMBER = 11


def pieces(password: str) -> int:
    """Return the smallest number of pieces that make up a case-folded password; any character can be a piece."""
    plain = password.translate(LEET)
    fewest = [0] * (len(password) + 1)
    for start in range(len(password) - 1, -1, -1):
        fewest[start] = 1 + min(fewest[end] for end in _ends(password, plain, start))
    return fewest[0]


def _ends(password: str, plain: str, start: int) -> Iterator[int]:
    """Yield where a piece that begins at ``start`` may end. ``plain`` has letters in place of signs and digits."""
    yield start + 1
    for end in range(start + 2, min(len(password), start + _LONGEST_WORD) + 1):
        part, read = password[start:end], plain[start:end]
        if (
            part in WORDS
            or read in WORDS
            or (end - start <= _LONGEST_SYLLABLE and _SYLLABLE.fullmatch(read))
            or (end - start <= _LONGEST_NUMBER and _NUMBER.fullmatch(part))
        ):
            yield end
    yield from _run_ends(password, start)


def _run_ends(password: str, start: int) -> Iterator[int]:
    """Yield the ends of the longest repetition and of the sequences that begin at ``start``."""
    end = start + 1
    while end < len(password) and password[end] == password[start]:
        end += 1
    if end - start >= SHORTEST_RUN:
        yield end
    end = start + SHORTEST_RUN
    while end <= len(password) and any(password[start:end] in walk for walk in _WALKS):
        yield end
        end += 1
