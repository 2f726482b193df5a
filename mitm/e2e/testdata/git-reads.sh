# git over HTTPS. A public repository needs no token, and none of ours is used for it.
git clone -q https://github.com/acme/web public
cat public/src/main.js
github saw

# A private one is asked for without a token first, as git does; the answer makes git
# ask its helper, here gh as it sets itself up.
gh auth setup-git
git clone -q https://github.com/acme/api private
git -C private log --format=%s
github saw

# Every protocol, and a part of the history.
for version in 0 1 2; do
	git -c protocol.version=$version ls-remote https://github.com/acme/api main
	git -c protocol.version=$version clone -q https://github.com/acme/api version-$version
	git -C version-$version log --format=%s
done
git clone -q --depth 1 https://github.com/acme/web shallow
git -C shallow log --format=%s
git -C shallow fetch -q --unshallow
git -C shallow log --format=%s
git clone -q --filter=blob:none https://github.com/acme/api partial
cat partial/README.md

# A fetch sees what changed.
github write acme/api news.txt 'It works.'
git -C private pull -q
cat private/news.txt

# gh clones too.
gh repo clone acme/api by-gh -- -q
cat by-gh/news.txt
directly git ls-remote https://x:"$BOT"@github.com/acme/api >direct
git ls-remote https://github.com/acme/api >proxied
cmp direct proxied && wc -l <proxied
