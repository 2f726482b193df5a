# Pushes, small and large.
gh auth setup-git
git clone -q https://github.com/acme/api api
cd api
echo 'first' >first.txt
git add . && git commit -q -m 'A first line'
git push -q
directly gh api repos/acme/api/commits/main --jq .commit.message
gh api repos/acme/api/contents/first.txt --jq .content | base64 -d

# Beyond http.postBuffer git sends in chunks, after a probe of four bytes. Over HTTP/2 git
# before 2.44 may wait for ever when libcurl asks for more than there is, proxy or not.
github forget
head -c 3000000 /dev/urandom >large.bin
git add . && git commit -q -m 'A large file'
git -c http.version=HTTP/1.1 push -q
github saw | sed 's/octo-bot\|hubot/USER/'
directly gh api repos/acme/api/commits/main --jq .commit.message

# Other branches, with a pull request for one, and a tag.
git switch -q -c feature
git commit -q --allow-empty -m 'A feature'
git push -q -u origin feature
gh pr create --title 'The feature' --body 'As wished for.' --base main --head feature 2>/dev/null
git tag v3.0
git push -q --tags
git push -q origin :feature
git ls-remote origin | sed 's/^[0-9a-f]*	//'

# What the server says while it works is seen, and a refusal of its is GitHub's own.
fails git push https://github.com/acme/vault main
