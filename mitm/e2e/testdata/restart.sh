# What octopool knew it knows after a restart.
reads() {
	gh api repos/acme/api --jq .full_name
	gh api --paginate 'repos/acme/api/issues?per_page=10' --jq length
	gh api repos/acme/web/contents/src/main.js --jq .sha
}
reads
github cost
restart TERM
daemon alarms
reads
github cost
restart KILL
daemon alarms
reads
github cost
as ops
reads
github cost

# Its authority, and so the trust of its clients, outlives it too. Its log has had nothing
# that anybody should look at: no alarms are shown above.
daemon alarms
