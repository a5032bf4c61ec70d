"""The library's front door: a workspace with its seven stages.

    import aimwell

    ws = aimwell.open("shop")
    ws.segment.members("lapsing-high-value", as_of=...)
    plan = ws.decide.plan("spring-winback", trial=True)

Each stage is a small object whose methods take what a person would say and hand it to the stage's service
with the workspace's stores, the present moment and who is asking. Nothing is decided here.
"""
