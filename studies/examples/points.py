"""Is pi estimated better from points that are spread evenly than from points at random?

A command in another language, awk: whatever writes a file with its metrics is a trial. Neither
line nor script knows of the harness. The script counts in the trials' keys, because the line
names it.
"""

from harness import Command, Factor, Higher, Metric, Scale, Study

study = Study(
    name="points",
    question="Is pi estimated better from points that are spread evenly?",
    factors=(Factor("plan", ("random", "stratified")),),
    command=Command(
        "awk -v plan={plan} -v side={side} -v seed={seed_for_points} -v folder={folder} "
        "-f points.awk",
        reads="metrics.json",
    ),
    metrics=(Metric("error", better="lower", least=0),),
    scales={"quick": Scale(side=40, seeds=20), "full": Scale(side=400, seeds=40)},
    claims=(
        Higher("At random the error is larger.", metric="error",
               higher={"plan": "random"}, lower={"plan": "stratified"}, by=0.01),
    ),
)  # fmt: skip
