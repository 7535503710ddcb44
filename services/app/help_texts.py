"""What `ludus COMMAND --help` says above the options."""

from __future__ import annotations

MAIN = """Train agents by league self-play: four services play, learn, rank and measure.

examples:
  ludus train dogfight                  start a run and watch it; Ctrl-C leaves it running
  ludus train dogfight --preset quick   about a minute
  ludus attach                          watch again
  ludus status                          what runs, what died, when and why
  ludus stop; ludus resume              end a run; go on at the same update
  ludus play --red RUN; ludus replay    play one match and look at it
  ludus doctor                          is everything here that a run needs?
"""
EPILOG = """Where RUN may be left out, the newest run is meant, of those in progress if there are any.
Everything is kept in --home, $LUDUS_HOME or ~/.ludus. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."""

TRAIN = """Check everything, start a run in the background, watch it. Closing the terminal does not touch the run.

examples:
  ludus train dogfight --preset quick
  ludus train dogfight --seed 2 --set learner.epochs=4 --set simulator.workers=2
  ludus train dogfight --config my.toml --run duel-1 --detach
  ludus train gym:CartPole-v1                  any Gymnasium environment; pettingzoo:MODULE likewise
  ludus train dogfight --preset competition --guest starter.onnx
  ludus train dogfight --init-from duel-1@500                       begin where that one was, as a new run
  ludus train dogfight --init-from duel-1 --grow --set network.hidden=512
"""
UP = """Start the supervisor and its nats-server in the background, and with them every run that is in progress.

examples:
  ludus up
  ludus up --nats-port 4222
  ludus up --nats-url nats://10.0.0.5:4222     use a server that is there already (2.12.3 or newer, with JetStream)
"""
LOGS = """What the services say. SERVICE: league, learner, simulator, evaluator, supervisor, nats-server.

examples:
  ludus logs                       all services of the newest run
  ludus logs learner -f            one of them, and what it says from now on
  ludus logs duel-1 simulator-0
"""
PLAY = """Play one match here and now, without stack or services, and keep it as a replay.

examples:
  ludus play --red duel-1                  the policy of run duel-1 against the ace
  ludus play --red duel-1 --blue brawler --seed 7
  ludus play --red duel-1 --blue starter.onnx
  ludus replay                             look at it
"""
REPLAY = """Play a kept match again and write it as one HTML page that needs nothing else, to be opened in a browser.

MATCH is a file, or the name of a replay in replays/ or in runs/<run>/replays/ of the home folder, or RUN/NAME where
several runs have one of that name. The evaluator keeps the first match of every pairing it measures.

examples:
  ludus replay                             the newest there is
  ludus replay duel-1/main@1.274-ace
  ludus replay my.replay --output my.html
"""

EXPORT = """Write the final policy of a run, or that of its newest checkpoint while it is unfinished, as one file.

onnx: a stateless actor on raw observations, compared with the original in ONNX Runtime before it is written.
safetensors: weights and manifest, as Ludus itself keeps them. Needs: pip install 'ludus[local,export]'
A model card is written beside it (FILE.md): what was measured, the configuration, hashes, the licence.

examples:
  ludus export                              the newest run, into its weights folder
  ludus export duel-1 --output duel.onnx
  ludus export duel-1 --checkpoint 1-500 --format safetensors
  ludus export duel-1 --best                the champion of the promotion gate, or whoever is rated highest
"""
VALIDATE = """Say what the submission contract wants and what FILE has, one line each. Exit code 1 if anything is wrong.

The rule set is the one whose observation is as wide as the file's input; the first line says
which, and if it is a guess.

examples:
  ludus validate duel.onnx
  ludus validate starter.onnx --rules competition
"""

EVALUATE = """Measure the policy of a run against every scripted bot and against its own step 0, from both seats.

It is played here, without the stack, on fresh starts: neither training nor the run's own evaluation has seen them.
RUN is a run (its final policy) or RUN@STEP (that of a checkpoint). Regimes are named conditions, like other physics; a
policy that sees its conditions sees the true ones. The game's page in docs/games names them.

examples:
  ludus evaluate                                  the newest run, 200 matches against everybody
  ludus evaluate duel-1@500 --matches 400
  ludus evaluate duel-1 --regime high_gravity --regime sniper
  ludus evaluate duel-1 --regime all --json regimes.json
"""
EXPLOIT = """Train an exploiter: a run whose learner meets nobody but the frozen policy of RUN, under the same settings.

What it wins in the end, beyond what it won at its start, bounds from below how exploitable that policy is. It begins
with the run's own weights (of its role, at that step), or with --fresh ones. It is a run like others: status, attach,
report; its panel holds the frozen policy under the name `victim`. The report of RUN shows what its exploiters won, as a
curve over its training, and its evaluator exports the newest one (ludus_evaluator_exploiter_win_ratio).

examples:
  ludus exploit duel-1                              the duellist against its own final policy
  ludus exploit chase-1 --role evader               a new evader against the pursuer that chase-1 ended with
  ludus exploit chase-1@60 --role pursuer --budget 400000 --fresh
  ludus exploit duel-1 --at 25,50,75,100 --budget 400000     a curve, in the report of duel-1; a broken series goes on
"""
BENCH = """How fast is a game? Decisions per second of one core, under external actions and against every scripted bot.

The time is CPU time of this process with one thread, so other load disturbs little. Each number is the median of
several repetitions, its interval their lowest and highest. Exit code 1 if a target is missed.

examples:
  ludus bench game dogfight
  ludus bench game dogfight --quick --json rows.json
"""

TOURNAMENT = """Everybody against everybody: scripted bots, files (.onnx, .safetensors) and runs (their final policy).

Every pair meets on the same starts, each from both seats. 3 points for an elimination, 2 for a win by time, 1 for a
draw. It is played here, without the stack.

examples:
  ludus tournament duel-1 starter.onnx ace brawler
  ludus tournament duel-1 duel-2 --matches 400 --json standings.json
"""


CROSSPLAY = """Everybody against everybody on a budget of matches: the pair about which least is known plays next.

A run stands for its final policy and every checkpoint it has kept (RUN@STEP); networks may differ. Writes index.html,
a heatmap whose cells open the matches of the pair, and crossplay.json. It is played here, without the stack.

examples:
  ludus crossplay duel-1 duel-2 --budget 4000
  ludus crossplay duel-1 ace brawler --output here
"""


ANALYSE = """What kind of fights kept matches were: accuracy, time to the first hit, speed, energy, circling, dynamism.

WHAT is a match (as for `ludus replay`), a run (all matches kept of it) or a folder of replays. The matches are played
again, tick by tick.

examples:
  ludus analyse duel-1
  ludus tournament ace brawler duel-1 --keep my-cup; ludus analyse my-cup --json numbers.json
"""

CLONE = """Behaviour cloning: watch BOT in matches against every bot, train an actor to answer as it does, and write it
as weights, as ONNX and as a checkpoint to start training from.

In the first round the bot flies, in the others the clone does and the bot says what it would have done. Network and
observation are those of the preset. The clone is measured beside the bot itself in the end.

examples:
  ludus clone brawler                        a few minutes, into clones/brawler-training of the home folder
  ludus clone ace --rules competition --output ace
  ludus clone ace --rounds 1                 demonstrations only
"""


REPORT = """What was run and what it reached, as one HTML page that needs nothing else: results beside step 0, ratings,
timeline, learning curves, payoffs, fights, where the time went, what died, and how to run it again.

It is made of the run's folder alone, so it works for runs that go on, have ended or have failed, without the stack.

examples:
  ludus report                             the newest run
  ludus report duel-1 --output duel.html
  ludus report duel-1 --markdown           report.md, with its charts in report/
"""
DASHBOARD = """The reports of all runs in the browser, of this moment: pages look for news every few seconds.

Only this machine can see it (127.0.0.1). It reads files: it neither needs nor disturbs the stack.

examples:
  ludus dashboard
  ludus dashboard --port 0                 on a free port
"""


SWEEP = """Variants × seeds: runs them one after the other (or side by side, as the sweep says), and goes on where it
was if it was ended or killed. What has been done is read from the runs' folders.

SWEEP is a file, or the name of one that comes with Ludus (`ludus experiments` lists them).

examples:
  ludus sweep kl-warmup --dry-run          which runs, with which changes, and what has been done
  ludus sweep kl-warmup --detach           in the background
  ludus experiments kl-warmup              results so far
"""
EXPERIMENTS = """Sweeps and what they showed: by fixed references, with interquartile means over seeds, bootstrap
intervals, the spread of seeds, Elo above step 0, KL, and a verdict beside the first variant.

examples:
  ludus experiments                                  all of them
  ludus experiments kl-warmup                        one, as Markdown
  ludus experiments kl-warmup --html --output kl.html
"""
