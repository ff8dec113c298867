"""The texts of the golden vectors: natural, hostile, and up to 20,000 characters long."""

import random
from collections.abc import Iterator
from itertools import cycle

LONGEST = 20_000

NATURAL = (
    "The kettle clicked off before I had found a clean mug, so I poured the water over "
    "yesterday's leaves.",
    "Artificial intelligence has transformed the way we approach complex problems. By "
    "leveraging vast amounts of data, organizations can unlock valuable insights and drive "
    "meaningful change.",
    "ok so i finally watched it last night and honestly?? the first hour is a slog but the "
    "ending got me",
    "In conclusion, it is important to note that effective communication plays a crucial role"
    " in fostering collaboration, enhancing productivity, and building lasting relationships.",
    "My grandmother kept bees behind the shed. She said they knew when rain was coming; I "
    "never saw them be wrong, though I was seven and inclined to believe her about most "
    "things.",
    "We measured the sample twice, at 4.2 K and at room temperature. The second run drifted "
    "(see Fig. 3), probably because the cryostat's seal had warmed up overnight.",
    "The novel stands as a testament to the enduring power of hope, weaving a rich tapestry "
    "of emotion that resonates deeply with readers from all walks of life.",
    "Would not stay here again. Shower lukewarm, window doesn't shut, and the 'sea view' is a"
    " car park with a bit of sea behind it. Breakfast was decent, I'll give them that.",
    "Certainly! Here are three key strategies to improve your time management skills: "
    "prioritize tasks, minimize distractions, and take regular breaks to recharge.",
    "The council voted 7-4 on Tuesday to postpone the bridge repairs until spring, citing the"
    " cost of diverting traffic through the old town during the December market.",
    "Dear Tom, thanks for the photos. The one of the dog in the wheelbarrow is on our fridge "
    "now. Come up in June if you can, the roof should be finished by then, he says, for the "
    "third year running.",
    "As the sun dipped below the horizon, painting the sky in hues of orange and pink, Elara "
    "knew that her journey was only just beginning.",
    "To reset the controller, hold MODE for five seconds; the LED blinks twice. Don't unplug "
    "it while it blinks or you'll be doing the whole pairing dance again.",
    "Overall, this comprehensive guide provides a holistic overview of sustainable gardening "
    "practices, empowering individuals to cultivate thriving ecosystems in their own "
    "backyards.",
    "He said nothing. She said nothing. The bus came, and they both got on it, and that was that.",
    "Photosynthesis is the process by which green plants convert light energy into chemical "
    "energy. It takes place in the chloroplasts and produces oxygen as a by-product.",
    "I've coached under-nines for eleven years and I still can't get them to pass before Easter.",
    "This paper introduces a novel framework that seamlessly integrates multimodal "
    "representations, achieving state-of-the-art performance across a diverse range of "
    "benchmarks.",
    "Two eggs, a knob of butter, salt. Low heat. Keep stirring. Stop before you think you should.",
    "It's worth remembering that every challenge presents an opportunity for growth. Embrace "
    "the journey, celebrate small victories, and never underestimate the impact of "
    "perseverance.",
    "The ferry was two hours late, and by the time we docked the only place still open was a "
    "chip shop run by a man who, it turned out, had gone to school with my uncle in Leeds.",
    "Furthermore, the implementation of robust security measures is essential to safeguard "
    "sensitive information and maintain the trust of stakeholders in an increasingly digital "
    "landscape.",
)

HOSTILE = (
    "",
    " ",
    "\t\r\n \u00a0\u3000",
    "a",
    "I",
    ".",
    "no",
    "\x00",
    "before\x00after a NUL",
    "\ud800",
    "lone high \ud83d and lone low \ude00 surrogates",
    "\ufeffbyte order mark, zero\u200bwidth space, soft\u00adhyphen, word\u2060joiner",
    "ΟΔΥΣΣΕΥΣ ΚΑΙ ΣΙΣΥΦΟΣ",
    "İstanbul'da IĞDIR ılık",
    "STRASSE Straße ẞ ﬁnance ﬃ Ǆ ǅ",
    "Cafe\u0301 or Caf\u00e9; A\u030angstro\u0308m or \u00c5ngstr\u00f6m; \u1e9b\u0323",
    "H\u0331 J\u030c T\u0308 W\u030a Y\u030a",
    "Z\u0351\u036b\u0343\u036aa\u0302\u0302\u030al\u0334g\u0321\u033do\u0308\u0323",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1eb\U0001f1f7 "
    "\U0001f44d\U0001f3fd \u2764\ufe0f",
    "\U00020000\U0002a6df\U0002f800 astral CJK",
    "機械が書いた文章と人が書いた文章を見分ける。",
    "인공지능이 쓴 글 \u1112\u1161\u11ab\u1100\u1173\u11af",
    "هذا نص عربي \u202eright to left\u202c مع أرقام ١٢٣",
    "עברית \u200frtl\u200e mark",
    "हिन्दी में लिखा हुआ वाक्य",
    "\u2028line\u2029separators\u0085and\u000bcontrol\u001fcharacters",
    "\ufffe\uffff\U0010ffff noncharacters \ue000 private use",
    "\u0378\u1c8a\ua7dc\U0001fae9 assigned late or never",
    "１２３ ｆｕｌｌ ｗｉｄｔｈ ㎏ ℡ ½ ²",
    "“curly” ‘quotes’ — dashes – ellipsis… bullets • and · dots",
    "<script>alert('x')</script> & entities &amp; \"quotes\" \\ backslash \\u0041",
    '\'; DROP TABLE texts; -- {"json": [1, 2]} ${x} %s %n {{y}}',
    "http://example.org/a?b=c#d me@example.org @you #tag",
    "a" * 5000,
    "🙂" * 1000,
    "word " * 1500,
    "x\u0301" * 800,
    "!?" * 1200,
)


def golden_texts() -> tuple[str, ...]:
    """All texts, in a fixed order; the same on every machine."""
    return (*NATURAL, *HOSTILE, *_long_texts())


def _long_texts() -> Iterator[str]:
    order = random.Random(14)  # noqa: S311 (a fixed shuffle, not a secret)
    for length in (350, 1_000, 2_500, 6_000, LONGEST):
        sentences = list(NATURAL)
        order.shuffle(sentences)
        yield _of_length(sentences, length)


def _of_length(sentences: list[str], length: int) -> str:
    text = ""
    for sentence in cycle(sentences):
        text = f"{text} {sentence}".strip()
        if len(text) >= length:
            return text[:length]
    return text
