"""Looking at every upload and every result before anybody may use or share it.

`gate` is what the gallery calls: it answers pages, and in workers has `screener` look. `screener`
asks the block list (`faceweb.moderation.known_bad`), the protected faces
(`faceweb.moderation.protected`), the networks of `backends` by the thresholds of `verdict`, and the
gate of `ages`; what takes long runs under `time_limit`.
"""
