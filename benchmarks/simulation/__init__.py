"""What a rule of rotation does to owners and to thieves, over months: a simulation.

Four rules live through one world: the real verdicts of ``jwt_refresh.core.rotation``, on sessions
that are bound to no key and on those that are; strict one-time rotation; and a grace that forks.
The world is the same for all: the same people sit down at the same devices, the same requests lose
their answers, the same thieves come at the same moments.
Only what follows from an answer differs. `clients` says how a sensible client behaves, `world` and
`network` what befalls it, `scripts` what each sort of thief does.

- **False log-out**: a session of a device that nobody stole from ends, or its owner is refused
  so that he must log in again, though it reached neither its idle nor its absolute end, nobody
  logged it out, and its owner is not stranded.
- **Stranded**: an answer was lost, and from the try that lost it to the owner's return more than
  `RETRY_WINDOW` (a day) went by. No false log-out, and counted apart, under every rule.
- **Missed theft**: a thief exchanged what he stole for a successor, the victim refreshed, or tried
  to, later than `REFRESH_GRACE` (30 s) after that, and still the session was never revoked, and at
  the end of the run the thief holds something that can be exchanged (or held it when the session
  reached an end of its own).
- **How long a thief lasts**: from his first exchange until the session is revoked or has gone on
  without him, so that nothing he holds can be exchanged.
- **Own copies**: a device whose tabs each keep in memory the tokens that they opened with, and what
  they get for them, and do not look again into the store that they write to. A tab that slept while
  another refreshed twice presents what a thief would. Its log-outs are counted as false log-outs
  are, but apart: no rule can tell it from a thief.
- **Failovers**: once a week the database is replaced by a standby that lags by 0 to 5 seconds. What
  it had answered since is forgotten, and what is under way breaks. A log-out of an owner whose
  token it forgot is a false log-out like any other; a session whose login it forgot is counted
  apart, since nobody can know it.
- **Bound sessions**: the device has a key, and proves it with each refresh (RFC 9449). A thief
  copies tokens as ever, but no key. About once a year a browser forgets its key and keeps the
  token; the login that this costs is counted apart.
- **Apart**, as no rotation can see them: thieves who read the live store faster than the grace,
  who use nothing but stolen access tokens, or whose victim never returns.
"""
