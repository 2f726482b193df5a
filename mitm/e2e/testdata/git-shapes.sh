# Git as it is also used: submodules, renamed repositories, bodies of all shapes.
gh auth setup-git

# A repository with another inside.
git clone -q https://github.com/acme/api outer
git -C outer submodule --quiet add https://github.com/acme/web inner
git -C outer commit -q -m 'With a submodule' && git -C outer push -q
git clone -q --recurse-submodules https://github.com/acme/api whole
cat whole/inner/src/main.js

# A renamed repository is redirected, for a read and for a push, with .git and without.
github rename acme/web acme/site
both git ls-remote https://github.com/acme/web main
both git ls-remote https://github.com/acme/web.git main
github forget
git clone -q https://github.com/acme/web renamed
github saw
git -C renamed commit -q --allow-empty -m 'Under its former name'
git -C renamed push -q https://github.com/acme/web HEAD:refs/heads/former
directly gh api repos/acme/site/commits/former --jq .commit.message

both git -c protocol.version=0 ls-remote https://github.com/acme/api

# What git compresses, and what it sends in pieces after four bytes, over both versions of
# HTTP and all of git's protocol.
cd outer
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	git commit -q --allow-empty -m "Commit $n" && git branch "branch-$n"
done
git push -q --all
cd ..
for http in HTTP/1.1 HTTP/2; do
	for version in 0 2; do
		git init -q many
		cd many
		git remote add origin https://github.com/acme/api
		github forget
		git -c http.version=$http -c protocol.version=$version fetch -q
		git branch -r | wc -l
		github saw >/dev/null
		github bodies | sort -u
		cd .. && rm -rf many
	done
done
head -c 3000000 /dev/urandom >outer/large.bin
git -C outer add large.bin && git -C outer commit -q -m 'Large'
github forget
git -C outer -c http.version=HTTP/1.1 push -q 2>&1 # see git-pushes.sh
github saw >/dev/null
github bodies
directly git clone -q https://x:"$BOT"@github.com/acme/api direct
cmp outer/large.bin direct/large.bin
git -C direct fsck 2>/dev/null
