"""Words and sentences that generated reviews are made of."""

# fmt: off
ADJECTIVES = {  # by the value of the opinion that they express
    3: ("superb", "brilliant", "stunning", "magnificent", "flawless"),
    2: ("good", "great", "entertaining", "moving", "charming", "funny"),
    1: ("decent", "pleasant", "watchable", "likeable"),
    -1: ("uneven", "slow", "bland", "forgettable"),
    -2: ("bad", "boring", "dull", "clumsy", "silly", "tedious"),
    -3: ("awful", "dreadful", "terrible", "horrible", "unbearable"),
}
# Strength of what is meant -> strength of the negated word of the other side, negators.
NEGATIONS = {
    1: (3, ("not", "not exactly")),
    2: (2, ("not", "never", "hardly")),
    3: (2, ("anything but", "far from")),
}
HEDGES = ("mildly", "somewhat", "fairly")
INTENSIFIERS = ("really", "truly", "very", "absolutely")
ASPECTS = (
    "plot", "cast", "music", "ending", "dialogue", "script", "acting", "pacing", "humour", "film",
    "first half", "second half", "camera work", "leading man", "café scene", "story", "finale",
)
OPINIONS = (
    "The {aspect} {phrase}.", "In short, the {aspect} {phrase}.", "To me the {aspect} {phrase}.",
    "I must say that the {aspect} {phrase}!", "My wife said that the {aspect} {phrase}.",
    "As for the {aspect}, it {phrase}.", "About the {aspect}: it {phrase}, I thought.",
)
CONTRASTS = (
    "The {aspect} {phrase}, but the {other} {turn}.",
    "Though the {aspect} {phrase}, the {other} {turn}.",
    "The {aspect} {phrase}; the {other}, however, {turn}.",
)
OPENINGS = (
    "I watched {title} with {lead} last night.", "{title} is a film with {lead}.",
    "So this is {title}, with {lead} as the {job}.",
)
# Neutral, though some contain words of opinion: only their context tells ("a terrible storm").
FILLERS = (
    "The story follows {lead}, a {job} from {place} who has to {task}.",
    "It was shot in {place} and {other_place} in {year}.", "It runs for {minutes} minutes.",
    "{lead} plays the {job}, {other} the {other_job}.", "Who wrote the letter we learn much later.",
    "The songs are by {third}, who also wrote for the theatre & the radio.",
    "I saw it on {day} with two good friends.", "Then a terrible storm comes up over {place}.",
    "One day a {other_job} knocks at {lead}'s door.", "We don't learn who sent the parcel.",
    "The camera stays with {lead} & the {other_job} most of the time.",
    "The bad guy is a {other_job} from {other_place}, of course.", "\"Who are you?\" asks {lead}.",
    "{other} was once a {other_job} in {place}, or so they say.", "It's set in {place} in {year}.",
    "We hear {other}'s voice in the opening shot.", "There's a sequel, filmed in {other_place}.",
    "His great uncle, a {job}, has left him a house in {place}.", "By the way, {lead} can't swim.",
    "{third} has a part of two minutes as a {other_job}.", "In {other_place} they open on {day}.",
    "The trailer shows the train to {other_place}.", "A dog called {day} sleeps on the stairs.",
)
JOBS = ("baker", "detective", "nurse", "sailor", "teacher", "clerk", "pianist", "farmer", "spy")
TASKS = (
    "find a lost child", "sell the farm", "cross the desert", "hide a stranger", "find a new job",
    "bring home a parcel", "learn the tango", "catch the last train",
)
PLACES = (
    "São Paulo", "Córdoba", "Malmö", "Chicago", "Łódź", "Kraków", "Brighton", "Besançon", "Osaka",
    "Zürich", "Dublin", "Texas",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST_NAMES = (
    "Zoé", "Chloé", "José", "René", "Anna", "Mark", "Søren", "Laura", "Peter", "Inês", "John",
    "Ruth", "Amélie", "Hugo", "Mia", "Omar",
)
LAST_NAMES = (
    "Müller", "García", "Smith", "Björk", "Fontaine", "O'Hara", "Nakamura", "Novák", "Lindqvist",
    "Brown", "D'Angelo", "Peña", "Wilson", "Haddad", "Costa", "King",
)
TITLE_FIRST = (
    "Silent", "Crimson", "Hidden", "Winter", "Paper", "Broken", "Northern", "Seventh", "Velvet",
    "Distant", "Iron", "Golden", "Midnight", "Borrowed", "Salt", "Glass",
)
TITLE_SECOND = (
    "Harbour", "Garden", "Letter", "Mirror", "Station", "River", "Tower", "Summer", "Bridge", "Map",
    "Orchard", "Lighthouse", "Promise", "Winter's Tale", "Rose & Crown", "Café", "Island",
)
EMPHASIS = ("b", "i", "em", "strong")
EMOJI = ("🎬", "🍿", "🎥", "📽️")
# fmt: on

_ENTITIES = {
    "é": "&eacute;",
    "ã": "&atilde;",
    "ó": "&oacute;",
    "ö": "&ouml;",
    "ü": "&uuml;",
    "ç": "&ccedil;",
    "ñ": "&ntilde;",
    "'": "&#39;",
    '"': "&quot;",
}
# A bare ampersand is always written as an entity; the rest only by some reviewers.
ESCAPES = (str.maketrans({"&": "&amp;"}), str.maketrans({"&": "&amp;", **_ENTITIES}))
