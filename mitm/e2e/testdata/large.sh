# Large things pass through as they come: nobody waits for all of it, and octopool does
# not need memory for it.
auth="Authorization: token $CI"
size() { cat "$1" 2>/dev/null | wc -c; }

# The first half of a download is here, but for what lies in buffers, while GitHub holds
# the second.
github hold codeload.github.com/acme/api/tar.gz/main 5000000
curl -sN -H "$auth" https://codeload.github.com/acme/api/tar.gz/main -o archive &
until test "$(size archive)" -ge 4900000; do :; done
github let-go
wait $!
size archive

# The first half of an upload is at GitHub before the client has sent the second.
id=$(gh api repos/acme/api/releases/latest --jq .id)
upload=uploads.github.com/repos/acme/api/releases/$id/assets
head -c 5000000 /dev/zero >half
mkfifo pipe
curl -s -X POST -T - -H "$auth" -H 'Content-Type: application/octet-stream' "https://$upload?name=zeros" -H 'Content-Length: 10000000' -o answer <pipe &
exec 3>pipe
cat half >&3
github received "$upload" 5000000
cat half >&3
exec 3>&-
wait $!
grep -o '"size":[0-9]*' answer

# 32 MB there and back again by git.
gh auth setup-git
git clone -q https://github.com/acme/api api
head -c 32000000 /dev/urandom >api/large.bin
git -C api add . && git -C api commit -q -m 'Large'
before=$(daemon peak)
git -C api -c http.version=HTTP/1.1 push -q # see git-pushes.sh
git clone -q https://github.com/acme/api again
cmp api/large.bin again/large.bin
test "$(($(daemon peak) - before))" -lt 12000000 && echo 'octopool did not grow with them'

# 64 MB up as a release's file, by gh, and down again.
head -c 64000000 /dev/urandom >asset.bin
before=$(daemon peak)
gh release upload v2.0 asset.bin -R acme/api
gh release download v2.0 -R acme/api -p asset.bin --dir down
cmp asset.bin down/asset.bin
test "$(($(daemon peak) - before))" -lt 12000000 && echo 'nor with these'
