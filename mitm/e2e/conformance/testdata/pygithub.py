# Takes steps with a real PyGithub, as it comes, and prints what came of each.
#
#   python3 pygithub.py STEP...

import os
import sys

from github import Github, GithubException

github = Github(os.environ["GITHUB_TOKEN"], base_url=os.environ["API"], per_page=10)


def api():
    return github.get_repo("acme/api")


def write():
    issue = api().create_issue("New")
    comment = issue.create_comment("Indeed.")
    issue.edit(state="closed")
    return issue.number, issue.user.login, comment.body, issue.state


def contents():
    made = api().create_file("a.txt", "Write", "one\n")
    api().update_file("a.txt", "Write", "two\n", made["content"].sha)
    return api().get_contents("a.txt").decoded_content.decode()


def status():
    head = api().get_commit("main")
    head.create_status("success", context="ci")
    return head.get_combined_status().state


def limits():
    told = github.get_rate_limit()
    return [getattr(told, name).limit for name in ("core", "search", "graphql")]


steps = {
    "user": lambda: github.get_user().login,
    "repository": lambda: (api().full_name, api().private, api().permissions.push, github.rate_limiting[1]),
    "issues": lambda: [issue.number for issue in api().get_issues()],
    "write": write,
    "missing": lambda: github.get_repo("acme/vault").full_name,
    "search": lambda: github.search_issues("repo:acme/api late").totalCount,
    "contents": contents,
    "status": status,
    "limits": limits,
}

for step in sys.argv[1:]:
    try:
        print(steps[step]())
    except GithubException as e:
        sys.exit(f"{type(e).__name__} {e.status} {e.data}")
    except AssertionError as e:  # a URL in an answer is of another host than base_url
        sys.exit(f"AssertionError {e}")
