"""Comments for all tests of pages: some positive, negative and uncertain ones."""

from store.batch import Label
from tests.store.feed import Feed, arrival

PRAISE = [
    "物流很快，包装也好，下次还会再来 👍",
    "客服耐心地讲了三遍，终于弄明白了，谢谢",
    "屏幕很清楚，老人也会用",
    "味道比想象的好，分量也足",
]
BLAME = [
    "等了半个月才发货，打电话没人接",
    "说好的发票一直没有寄来",
    "用了两天就坏了，退货还要自己出运费",
    "房间隔音太差，一夜没睡好",
]
UNCERTAIN = [
    "房间不错，但是服务员态度一般",
    "价格便宜，质量嘛也就那样",
    "还行吧，说不上好也说不上坏",
]
# Pages must show this as text.
MARKUP = "<img src=x onerror=alert(1)><b>粗体</b> & \"引号\" '单引号' {{ 7*7 }}"


async def seed(feed: Feed) -> None:
    """Store the comments on two platforms and in some threads, a minute apart and oldest first."""
    records = [
        *(arrival(f"praise-{n}", text, created=n, thread="t-1") for n, text in enumerate(PRAISE)),
        *(
            arrival(f"blame-{n}", text, created=10 + n, platform="shop", label=Label.NEGATIVE, probability=0.05)
            for n, text in enumerate(BLAME)
        ),
        *(
            arrival(f"unsure-{n}", text, created=20 + n, probability=0.52 + n / 100, uncertain=True, thread="t-2")
            for n, text in enumerate(UNCERTAIN)
        ),
        arrival("markup", MARKUP, created=30, author="<i>李</i>", probability=0.6, uncertain=True),
    ]
    await feed.send(*records)
    await feed.send(arrival("praise-0", PRAISE[0] + "，又买了一次", edited=60, thread="t-1"))
