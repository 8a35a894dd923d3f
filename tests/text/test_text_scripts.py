"""Words of scripts that join, stack or do not separate letters."""

import unicodedata

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer

# Neutral words, and words of good and of bad reviews, which share characters.
WORDS = {
    "Thai": (
        "หนัง เรื่อง นี้ ตอน จบ ผม คิด ว่า นักแสดง ดนตรี ภาพ และ ของ ใน กับ เป็น ที่ ดู แล้ว มาก",
        "ดี สนุก ยอดเยี่ยม สวยงาม ประทับใจ",
        "แย่ น่าเบื่อ ห่วย ไม่ดี ไม่สนุก",
    ),
    "Khmer": (
        "ភាពយន្ត រឿង នេះ ខ្ញុំ គិត ថា តួសម្តែង តន្ត្រី រូបភាព និង របស់ ក្នុង ជាមួយ ជា ដែល មើល ហើយ ណាស់",
        "ល្អ សប្បាយ អស្ចារ្យ ស្អាត ពិរោះ",
        "អាក្រក់ ធុញ អន់ មិនល្អ មិនសប្បាយ",
    ),
    "Lao": (
        "ຮູບເງົາ ເລື່ອງ ນີ້ ຂ້ອຍ ຄິດ ວ່າ ນັກສະແດງ ດົນຕີ ພາບ ແລະ ຂອງ ໃນ ກັບ ເປັນ ທີ່ ເບິ່ງ ແລ້ວ ຫຼາຍ",
        "ດີ ມ່ວນ ສຸດຍອດ ງາມ ປະທັບໃຈ",
        "ຊົ່ວ ໜ້າເບື່ອ ຂີ້ຮ້າຍ ບໍ່ດີ ບໍ່ມ່ວນ",
    ),
    "Burmese": (
        "ရုပ်ရှင် ဇာတ်လမ်း ဒီ ကျွန်တော် ထင် တယ် သရုပ်ဆောင် ဂီတ ပုံ နှင့် ၏ တွင် ဖြစ် သော ကြည့် ပြီး အရမ်း",
        "ကောင်း ပျော် အံ့ဩ လှပ နှစ်သက်",
        "ဆိုး ပျင်း ညံ့ မကောင်း မပျော်",
    ),
    "Chinese": (
        "电影 故事 这 我 认为 演员 音乐 画面 和 的 在 与 是 看 完 非常",
        "好 精彩 优秀 漂亮 感动",
        "差 无聊 糟糕 不好 不精彩",
    ),
}


def reviews(script, n_reviews, seed, separator=""):
    neutral, good, bad = map(str.split, WORDS[script])
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=n_reviews)
    texts = []
    for label in labels:
        words = generator.choice(neutral, size=14).tolist()
        for word in generator.choice(good if label else bad, size=2):
            words.insert(generator.integers(len(words)), word)
        texts.append(separator.join(words))
    return texts, labels


def accuracy(script, separator="", **options):
    pipe = make_pipeline(
        HTMLTokenizer(max_length=128, **options), DenseSentimentClassifier(epochs=2, random_state=0)
    )
    pipe.fit(*reviews(script, 400, 0, separator))
    return pipe.score(*reviews(script, 200, 1, separator))


@pytest.mark.parametrize("script", WORDS)
def test_scripts_without_spaces_classify_like_chinese(script):
    assert accuracy(script) >= 0.97


def test_whole_sentences_as_words_are_at_chance_and_words_of_a_segmenter_are_not():
    assert accuracy("Thai", unspaced="keep") < 0.65
    assert accuracy("Thai", separator=" ", unspaced="keep") >= 0.97


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("หนังเรื่องนี้ไม่สนุก", "ห นั ง เรื่ อ ง นี้ ไม่ ส นุ ก"),
        ("น้ำแข็ง และ", "น้ำ แข็ ง และ"),
        ("ຮູບເງົາດີຫຼາຍ", "ຮູ ບ ເງົາ ດີ ຫຼາ ຍ"),
        ("ភាពយន្តល្អណាស់", "ភា ព យ ន្ត ល្អ ណា ស់"),
        ("តន្ត្រី", "ត ន្ត្រី"),
        ("ကောင်းတယ် ဗုဒ္ဓ အင်္ဂလိပ်", "ကော င်း တ ယ် ဗု ဒ္ဓ အ င်္ဂ လိ ပ်"),
        ("ปี ๒๕๖๗ กABCข", "ปี ๒๕๖๗ ก abc ข"),
        ("ดี\u200bมา\u200dก", "ดี มา ก"),
        ("เ แa", "เ แ a"),
    ],
)
def test_clusters_are_letters_with_their_vowels_marks_and_subscripts(text, expected):
    tokenizer = HTMLTokenizer()
    tokens, offsets, visible = tokenizer.tokenize_with_offsets(text)
    assert tokens == expected.split()
    spelt = [visible[a:b].replace("\u200d", "").casefold() for a, b in offsets]
    assert spelt == tokens
    assert HTMLTokenizer(vocabulary=sorted(set(tokens))).transform([text]).min(initial=2) != 1


def test_words_of_a_segmenter_are_kept_in_every_script():
    text = "หนัง เรื่อง นี้ ភាពយន្ត ល្អ ကောင်း 电影 很好 とても"
    assert HTMLTokenizer(unspaced="keep").tokenize(text) == text.split()


@pytest.mark.parametrize(
    "text",
    [
        "आधुनिक मानक हिन्दी फिल्म अच्छी क्षत्रिय",
        "ভৌতিক গল্প পড়তে চাইলে ক্ষুদ্র",
        "தமிழ் திரைப்படம் மிகவும் நன்று க்ஷேத்திரம்",
        "ప్రధానమంత్రిని కలుసుకున్నారు",
        "ਪੰਜਾਬੀ ગુજરાતી ଓଡ଼ିଆ ಕನ್ನಡ സിനിമ සිනමාව",
        "ذَهَبَ كِتَابٌ",
        "סֶרֶט טוֹב",
    ],
)
def test_marks_and_conjuncts_are_part_of_their_word(text):
    for form in ("NFC", "NFD"):
        found = HTMLTokenizer().tokenize(unicodedata.normalize(form, text))
        assert found == unicodedata.normalize("NFC", text).split()


@pytest.mark.parametrize(
    ("joined", "plain"),
    [
        ("می\u200cخواهم", "میخواهم"),  # Persian
        ("کتاب\u200cها", "کتابها"),
        ("क्\u200dष क्\u200cष", "क्ष क्ष"),  # Devanagari
        ("র\u200d্যাব", "র্যাব"),  # Bengali
        ("ශ්\u200dරී", "ශ්රී"),  # Sinhala
    ],
)
def test_joiners_neither_split_a_word_nor_make_another(joined, plain):
    tokenizer = HTMLTokenizer()
    assert tokenizer.tokenize(joined) == plain.split()
    _, offsets, visible = tokenizer.tokenize_with_offsets(joined)
    assert [visible[a:b] for a, b in offsets] == joined.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('צה״ל צה"ל ח"כים', ['צה"ל', 'צה"ל', 'ח"כים']),
        ("ג׳ירפה ג'ירפה", ["ג'ירפה", "ג'ירפה"]),
        ('רַמְבַּ"ם', ['רַמְבַּ"ם']),
        ('אמר "שלום" לך', ["אמר", '"', "שלום", '"', "לך"]),
        ('אמר"a" a"ב', ["אמר", '"', "a", '"', "a", '"', "ב"]),
        ('a"b 5"6 é"é я"я', ["a", '"', "b", "5", '"', "6", "é", '"', "é", "я", '"', "я"]),
        ('א""ב א"', ["א", '"', '"', "ב", "א", '"']),
    ],
)
def test_hebrew_abbreviations_are_one_word_and_quotes_are_not(text, expected):
    tokenizer = HTMLTokenizer()
    assert tokenizer.tokenize(text) == [unicodedata.normalize("NFC", word) for word in expected]
    words = [word for word in tokenizer.tokenize(text) if word != '"']
    assert HTMLTokenizer(punctuation="split").tokenize(text) == words
    assert HTMLTokenizer(punctuation="drop").tokenize("צה״ל don't") == ["צהל", "dont"]


def test_turkish_reads_as_documented():
    upper, lower = "İYİ ISPARTA", "iyi ısparta"
    assert HTMLTokenizer().tokenize(upper) == ["i\u0307yi\u0307", "isparta"]
    assert HTMLTokenizer().tokenize(upper.replace("İ", "i").replace("I", "ı")) == lower.split()


def test_a_spacing_accent_is_no_token_when_accents_are_stripped():
    for strip_accents in ("unicode", "ascii"):
        tokenizer = HTMLTokenizer(strip_accents=strip_accents, punctuation="token")
        assert tokenizer.tokenize("caf´e ¨ a‾b ˚ ;") == ["caf", "e", "a", "b", ";"]
    assert HTMLTokenizer().tokenize("´") == ["´"]
