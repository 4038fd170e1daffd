"""The harness's side of idiom.py: the same trials, declared as a study.

Which programs, learning rates and seeds is said by the environment variable HARNESS_BENCH, so that
the worker processes know it too; without it this is every program.
"""

from programs import PROGRAMS, Asked

from harness import Factor, Scale, Study, Training


def build(scale: Scale, program: str, lr: float) -> Training:
    del scale
    return PROGRAMS[program].training(lr)


ASKED = Asked.here()

study = Study(
    name="bench",
    question="How long does the same list of trials take?",
    factors=(Factor("program", ASKED.programs), Factor("lr", ASKED.learning_rates)),
    build=build,
    scales={"bench": Scale(seeds=ASKED.seeds)},
)
