# A token that nobody knows: git says that it was not accepted.
gh auth setup-git
as stranger
fails git clone https://github.com/acme/api a
github saw

# No token: git would ask, and there is nobody to.
as nobody
export GIT_TERMINAL_PROMPT=0
fails git -c credential.helper= clone https://github.com/acme/api b

# Not in the client's scopes: it says so, and GitHub is not asked.
as reader
git clone -q https://x-access-token:"$READER"@github.com/acme/web c
github forget
fails git clone https://x-access-token:"$READER"@github.com/acme/api d
cd c
git commit -q --allow-empty -m 'Not mine to push'
fails git push -q https://x-access-token:"$READER"@github.com/acme/web main
github saw
