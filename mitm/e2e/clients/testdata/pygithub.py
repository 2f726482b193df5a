# Asks GitHub with a real PyGithub, as it comes.
#
#   python3 pygithub.py STEP…
#
# Each step prints a line; what PyGithub raises is its line.

import os
import sys

import urllib3
from github import Github, GithubException

plain = Github(os.environ["GITHUB_TOKEN"])
# What PyGithub's users do who do not want to see limits: Retry-After is slept on.
patient = Github(
    os.environ["GITHUB_TOKEN"],
    retry=urllib3.Retry(total=2, status_forcelist=[403], allowed_methods=None, backoff_factor=0),
)


def told():
    remaining, limit = plain.rate_limiting
    return f"{remaining} of {limit} left"


def resources():
    limits = plain.get_rate_limit()
    return ", ".join(f"{name} {getattr(limits, name).remaining} of {getattr(limits, name).limit}" for name in ("core", "search", "graphql"))


steps = {
    "web": lambda: f"{plain.get_repo('acme/web').full_name}, {told()}",
    "web patiently": lambda: patient.get_repo("acme/web").full_name,
    "api": lambda: f"{plain.get_repo('acme/api').full_name}, {told()}",
    "issue": lambda: f"number {plain.get_repo('acme/web').create_issue('Slow').number}, {told()}",
    "issues": lambda: f"{len({issue.number for issue in plain.get_repo('acme/api').get_issues()})} different, {told()}",
    "search": lambda: f"{plain.search_issues('repo:acme/api late').totalCount} found, {told()}",
    "pool": resources,
    "reset": lambda: plain.rate_limiting_resettime,
}

for step in sys.argv[1:]:
    try:
        answer = steps[step]()
    except GithubException as e:
        answer = f"{type(e).__name__} {e.status} {e.data['message']}"
    print(f"{step}: {answer}")
