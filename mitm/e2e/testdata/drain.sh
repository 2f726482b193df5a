# A SIGTERM takes no more clients, lets those in flight end, and then octopool ends too.
gh auth setup-git

# A clone that GitHub has not answered yet.
github hold github.com/acme/api/git-upload-pack
git -c protocol.version=0 clone -q https://github.com/acme/api api &
github held
daemon signal TERM
while code "$PROXY/-/healthz" >status; do :; done
cat status
github let-go
wait $!
cat api/README.md
daemon wait
daemon alarms

# A download through octopool of which half has come.
daemon start
github hold codeload.github.com/acme/api/tar.gz/main 500000
curl -s -H "Authorization: token $CI" https://codeload.github.com/acme/api/tar.gz/main -o archive &
github held
daemon signal TERM
github let-go
wait $!
wc -c <archive
daemon wait

# One past it, in a tunnel.
daemon start
github hold release-assets.githubusercontent.com/slow 500000
curl -s https://release-assets.githubusercontent.com/slow -o asset &
github held
daemon signal TERM
github let-go
wait $!
wc -c <asset
daemon wait
daemon alarms
