package conformance

// gitRows are git's ways to read and write, and git-lfs.
func gitRows() []row {
	const history = `git log --all --format='%H %s'`
	const asHeader = `-c http.https://github.com/.extraheader="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 -w0)"`
	return []row{
		{client: "git", title: "clone, public", script: `git clone -q https://github.com/acme/web; cd web; ` + history},
		{client: "git", title: "clone, private", script: `git clone https://github.com/acme/api; cd api; ` + history},
		{client: "git", title: "clone of what is not there", fails: true, script: `git clone https://github.com/acme/vault`},
		{client: "git", title: "clone, the token in the URL", script: `git clone -q "https://x-access-token:$GITHUB_TOKEN@github.com/acme/api"; cd api; ` + history},
		{client: "git", title: "clone, the token in a header (actions/checkout)", script: `git ` + asHeader + ` clone -q https://github.com/acme/api; cd api; ` + history},
		{client: "git", title: "clone over protocol 0 and 1", script: `for v in 0 1; do git -c protocol.version=$v clone -q https://github.com/acme/api v$v; git -C v$v log --format=%H; done`},
		{client: "git", title: "clone over HTTP/1.1", script: `git -c http.version=HTTP/1.1 clone -q https://github.com/acme/api; cd api; ` + history},
		{client: "git", title: "ls-remote", script: `git ls-remote https://github.com/acme/api; git ls-remote --symref https://github.com/acme/web HEAD`},
		{client: "git", title: "fetch", script: `git clone -q https://github.com/acme/web; cd web; git fetch origin refs/pull/3/head:three; ` + history},
		{client: "git", title: "shallow", script: `git clone -q --depth 1 https://github.com/acme/web; cd web; ` + history + `; git fetch -q --unshallow; ` + history},
		{client: "git", title: "partial", script: `git clone -q --filter=blob:none https://github.com/acme/api; cat api/README.md; git clone -q --filter=blob:none --sparse https://github.com/acme/web; cd web; git sparse-checkout add src; cat src/main.js`},
		{client: "git", title: "push", script: `git clone -q https://github.com/acme/api; cd api; echo new >new.txt; git add .; git commit -qm New; git push; git ls-remote; gh api repos/acme/api/contents/new.txt --jq .sha`},
		{client: "git", title: "push, 3 MB", script: `git clone -q https://github.com/acme/api; cd api; openssl enc -aes-128-ctr -pass pass:x -nosalt -md sha256 </dev/zero 2>/dev/null | head -c 3000000 >large.bin; git add .; git commit -qm Large; git -c http.version=HTTP/1.1 push -q; git clone -q https://github.com/acme/api again; sha256sum large.bin again/large.bin`},
		{client: "git", title: "push a tag, delete a branch, force", script: `git clone -q https://github.com/acme/web; cd web; git tag v9; git push -q origin v9; git push -q origin :change-3; git commit -q --amend -m Other; git push -q origin main || git push -q --force origin main; git ls-remote`},
		{client: "git", title: "push where it may not", fails: true, script: `git clone -q https://github.com/other/lib; cd lib; git commit -q --allow-empty -m No; git push`,
			differs: map[column]difference{withInstallation: {"the same status, in octopool's words", "Permission to other/lib.git denied to octo-app[bot].", "octopool: no credential of pool default covers other"}}},
		{client: "git", title: "submodule", script: `git clone -q https://github.com/acme/api; cd api; git submodule --quiet add https://github.com/acme/web; git commit -qm 'Add web'; git push -q; cd ..; git clone -q --recurse-submodules https://github.com/acme/api again; cat again/web/src/main.js; git -C again submodule status`},
		{client: "git", title: "archive", script: `curl -sSL -H "Authorization: token $GITHUB_TOKEN" https://github.com/acme/api/archive/refs/heads/main.tar.gz | tar xzO`},
	}
}

// lfsRows are git-lfs's, which git runs. Its progress tells speeds, and is not compared; what came
// of it is.
func lfsRows() []row {
	const stored = `git lfs install --skip-repo >install; git clone -q https://github.com/acme/api; cd api; git lfs track '*.bin'; head -c 300000 /dev/zero >large.bin; git add .; git commit -qm Large; git push -q >progress 2>&1; cd ..; `
	return []row{
		{client: "git-lfs", title: "push, clone", script: stored + `git clone -q https://github.com/acme/api again >progress 2>&1; sha256sum again/large.bin; cd again; git lfs ls-files; git lfs fsck`},
		{client: "git-lfs", title: "clone without files, pull", script: stored + `GIT_LFS_SKIP_SMUDGE=1 git clone -q https://github.com/acme/api again; cd again; cat large.bin; git lfs pull >progress 2>&1; sha256sum large.bin`},
		{client: "git-lfs", title: "lock, locks, unlock", script: stored + `cd api; git lfs lock large.bin; git lfs locks | cut -f1,2; git lfs unlock large.bin; git lfs locks`},
		{client: "git-lfs", title: "a public repository", script: `git lfs install --skip-repo >install; git clone -q https://github.com/acme/web; cd web; git lfs track '*.bin'; echo small >small.bin; git add .; git commit -qm Small; git push -q >progress 2>&1; cd ..; git -c credential.https://github.com.helper= clone -q https://github.com/acme/web anonymous >progress 2>&1; cat anonymous/small.bin`},
		{client: "git-lfs", title: "push where it may not", fails: true, script: `git lfs install --skip-repo >install; git clone -q https://github.com/other/lib; cd lib; git lfs track '*.bin'; echo no >no.bin; git add .; git commit -qm No; git lfs push origin main`,
			differs: map[column]difference{withInstallation: {"the same status, in octopool's words", "You must have push access to verify locks", "octopool: no credential of pool default covers other"}}},
	}
}
