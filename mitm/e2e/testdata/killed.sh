# Killed in the midst of writing: octopool has 200 distinct answers to store and dies
# with the 120th. What a client was answered is still known, but for what came in the last
# moment, of eight at a time: answers do not wait for the disk.
list='https://api.github.com/repos/acme/api?n=[1-200]'
daemon kill-at 120
curl -s -Z --parallel-max 8 -H "Authorization: token $CI" -w '%{exitcode} %{http_code} %{url}\n' -o 'body-#1' "$list" >log 2>"$HOME/err" || true
daemon wait
sed -n 's/^0 200 //p' log | sort -u >answered
test "$(wc -l <answered)" -ge 100
daemon start
daemon alarms
github forget
while read -r url; do
	code -H "Authorization: Bearer $OPS" "$url"
done <answered | sort -u
github cost | sed "s/: $(wc -l <answered),/: as many,/; s/points: [0-8]\$/points: 8 at most/"
daemon alarms

# Four more times, and the store still opens and answers.
for n in 1 2 3 4; do
	daemon kill-at $((n * 7))
	curl -s -Z --parallel-max 8 -H "Authorization: token $CI" -o /dev/null "https://api.github.com/repos/acme/web?n=[1-100]" >log 2>"$HOME/err" || true
	daemon wait
	daemon start
	daemon alarms
done
github forget
code -H "Authorization: Bearer $OPS" "$(head -1 answered)"
github cost
ls "$DATA" | sed 's/broken.*/broken/'
