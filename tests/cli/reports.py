"""A report made by hand, with one of everything, and worse names than anybody should have."""

from collections import Counter
from dataclasses import replace
from typing import Final

from revet.cli.check.report import (
    NotChecked,
    NotServed,
    Problem,
    Report,
    ReportedFinding,
    ReportedObject,
    UsedPolicy,
)
from revet.core.model.mode import Mode

#: Clears the screen, sets the title, ends a line, turns the direction of writing.
NASTY: Final = "x\x1b[2J\x1b]0;t\x07\n\u202e\x7f\x9b"

PRIVILEGED: Final = ReportedFinding(
    control="privileged-containers",
    mode=Mode.ENFORCE,
    tier=1,
    line=10,
    column=19,
    container="app",
    pointer="/spec/template/spec/containers/0/securityContext/privileged",
    place='spec.template.spec.containers[0] "app"',
    message="privileged is true, must be false or unset",
    fix="securityContext: {privileged: false}",
    policy="production",
    patched=False,
)
SECCOMP: Final = replace(
    PRIVILEGED,
    control="seccomp-required",
    tier=2,
    line=8,
    column=9,
    pointer="/spec/template/spec/containers/0/securityContext/seccompProfile",
    message="seccompProfile is not set, must be RuntimeDefault or Localhost",
    fix="securityContext: {seccompProfile: {type: RuntimeDefault}}",
    patched=True,
)
SYSCTLS: Final = replace(
    PRIVILEGED, control="sysctls", mode=Mode.WARN, tier=2, container=None, fix="", policy="staging"
)
WEB: Final = ReportedObject(
    "shop/web.yaml", False, "apps/v1", "Deployment", "shop", "web", (PRIVILEGED, SECCOMP)
)
#: Both policies find the same, one of them milder.
BOTH: Final = replace(
    WEB,
    file="chart/templates/api.yaml",
    rendered=True,
    name="api",
    findings=(PRIVILEGED, replace(PRIVILEGED, policy="staging", mode=Mode.AUDIT), SYSCTLS),
)
CLEAN: Final = replace(WEB, kind="Pod", api_version="v1", name="clean", findings=())
ROLE: Final = replace(CLEAN, kind="ClusterRole", namespace="", name="reader")

REPORT: Final = Report(
    objects=(WEB, CLEAN, BOTH, ROLE),
    policies=(
        UsedPolicy("production", "restricted", Mode.ENFORCE, "shop/policy.yaml:1"),
        UsedPolicy("staging", "baseline", Mode.AUDIT, "shop/policy.yaml:9"),
    ),
    left_out=(
        NotChecked("shop/notes.yaml", "has no apiVersion and kind"),
        NotChecked("shop/a.yaml", "of controllers, which are judged themselves", 2),
        NotChecked("shop/b.yaml", "of controllers, which are judged themselves", 1),
    ),
    unjudged={"shop/a.yaml": Counter({"ConfigMap": 2}), "shop/b.yaml": Counter({"Foo": 1})},
    not_served=(
        NotServed("shop/old.yaml", 1, "Deployment shop/old", "extensions/v1beta1", "is not served"),
    ),
    notes=("Policy staging has enforcement Audit: in the cluster it does no more.",),
)
BROKEN: Final = replace(
    REPORT,
    problems=(Problem("shop/bad.yaml", 3, "is no YAML"), Problem("gone", None, "no such file")),
)
HOSTILE: Final = Report(
    objects=(
        replace(
            WEB,
            file=NASTY,
            name=NASTY,
            namespace=NASTY,
            findings=(
                replace(
                    PRIVILEGED,
                    container=NASTY,
                    place=NASTY,
                    message=NASTY,
                    fix=NASTY,
                    policy=NASTY,
                    pointer=f"/{NASTY}",
                ),
            ),
        ),
    ),
    policies=(UsedPolicy(NASTY, "restricted", Mode.ENFORCE, NASTY),),
    left_out=(NotChecked(NASTY, NASTY, 1),),
    unjudged={NASTY: Counter({NASTY: 1})},
    problems=(Problem(NASTY, 1, NASTY),),
    not_served=(NotServed(NASTY, 1, NASTY, NASTY, NASTY),),
    notes=(NASTY,),
)
EMPTY: Final = Report()
