package installation

import "octopool/policy"

// CheckKey says what is wrong with an App's private key, as [New] does. Its error holds no
// part of it. Whether it is a key of the App only GitHub knows.
func CheckKey(pem policy.Secret) error {
	_, err := readKey(pem)
	return err
}
