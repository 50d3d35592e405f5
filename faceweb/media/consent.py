"""What a person states with every upload. A changed text gets a new version, for good."""

CONSENT_VERSION = "2026-11"
CONSENT_TEXT = (
    "Every person recognisable in this photo is me, or is an adult who has agreed to its use "
    "here. It shows nobody under 18. I will not use the result to deceive, harass or sexualise "
    "anyone."
)
