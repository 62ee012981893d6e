package random

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// digest is what the gateway takes a sandbox's id from, under a key if it is not empty.
func digest(key, text string) string {
	if key == "" {
		return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return fmt.Sprintf("%x", mac.Sum(nil))
}

// hashed draws one of the texts of an identity that the policy takes the hash of.
func (d *drawing) hashed(user, thread string) string {
	return strings.NewReplacer("{user}", user, "{thread}", thread).Replace(of(d, d.Policy.Identity.ProofOf...))
}

// proof draws a sandbox id that proves an identity.
func (d *drawing) proof(user, thread string) string {
	keys := d.Policy.Identity.Keys
	if len(keys) == 0 {
		keys = []string{""}
	}
	return digest(of(d, keys...), d.hashed(user, thread))[:of(d, 16, 17, 40, 63)]
}

// sandboxID draws what a gateway may call the sandbox of an identity that needs no proof.
func (d *drawing) sandboxID(user, thread string) string {
	return of(d, digest("", d.hashed(user, thread))[:8], "264ee9e3", d.proof(user, thread), d.proof(user, thread))
}

// identify gives the Pod the sandbox id that its identity needs, and else perhaps one.
func (d *drawing) identify(adopted bool) {
	switch proof := d.Policy.Identity.Proof; {
	case proof == "Always" || proof == "Adopted" && adopted:
		d.labels()[d.Policy.Identity.SandboxIDKey] = d.proof(d.User, d.Thread)
	case d.chance(50):
		d.labels()[d.Policy.Identity.SandboxIDKey] = d.sandboxID(d.User, d.Thread)
	}
}

// adopted is a sandbox of an unmodified provisioner: its paths alone say whose it is, or one half
// of it, and the gateway's id proves it.
func adopted(d *drawing) {
	if !d.reads("Mounts") {
		sandbox(d)
		return
	}
	d.begin(d.provisioner())
	d.wear()
	d.User, d.Thread = d.ids()
	of(d, func() {}, func() {}, func() { d.declare(d.Policy.Identity.UserKey, d.User) }, func() {
		if d.In.Name != "hub" {
			d.declare(d.Policy.Identity.ThreadKey, d.Thread)
		}
	})()
	d.identify(true)
	add(d.spec(), "volumes", object{"name": d.Policy.Volume, "persistentVolumeClaim": object{"claimName": d.Policy.Claim}})
	mount := object{"name": d.Policy.Volume, "mountPath": d.Policy.MountPath, "subPath": d.spelled(d.claimPath(d.userDataDirectory()))}
	d.readOnly(mount)
	add(of(d, d.containers("initContainers", "containers")...), "volumeMounts", mount)
	for range of(d, 0, 1, 3) {
		d.directory()
	}
}

// defaulted is a sandbox that names a thread and no user. Where there is no default user it is an
// ordinary one.
func defaulted(d *drawing) {
	if d.Policy.Identity.DefaultUser == "" {
		sandbox(d)
		return
	}
	d.begin(of(d, d.provisioner(), "somebody"))
	d.wear()
	_, d.Thread = d.ids()
	d.User = d.Policy.Identity.DefaultUser
	d.identify(false)
	if key := d.Policy.Identity.SandboxIDKey; d.labels()[key] == "264ee9e3" { // which is another's
		d.labels()[key] = digest("", d.Thread)[:8]
	}
	ofOld := strings.ReplaceAll(d.Policy.Legacy, "{thread}", d.Thread)
	onClaim := object{"name": d.Policy.Volume, "persistentVolumeClaim": object{"claimName": d.Policy.Claim}}
	mount := object{"name": d.Policy.Volume, "mountPath": d.userDataPath()}
	ways := []func(){
		func() { // declared, and what is mounted of a path of the node spells nobody
			d.declare(d.Policy.Identity.ThreadKey, d.Thread)
			add(d.spec(), "volumes", object{"name": d.Policy.Volume, "hostPath": object{"path": "/anywhere"}})
			mount["subPath"] = d.claimPath(d.resolved(of(d, d.Policy.Directories...).Path))
			if d.chance(50) {
				mount["mountPath"], mount["subPath"] = "/elsewhere", d.ownDirectory()
			}
		},
		func() {
			d.declare(d.Policy.Identity.ThreadKey, d.Thread)
			add(d.spec(), "volumes", onClaim)
			mount["subPath"] = of(d, "", ".", ofOld, d.claimPath("skills_view/public"))
		},
		func() {
			add(d.spec(), "volumes", onClaim)
			mount["subPath"] = d.spelled(of(d, ofOld, d.claimPath(ofOld)))
			mount["mountPath"] = d.spelledMountPath()
		},
		func() {
			add(d.spec(), "volumes", object{"name": d.Policy.Volume, "hostPath": object{"path": of(d, d.Policy.HostBases...) + "/" + ofOld}})
		},
	}
	if d.Policy.RefusesOthers {
		ways = ways[2:]
	}
	of(d, ways...)()
	d.readOnly(mount)
	add(of(d, d.containers("initContainers", "containers")...), "volumeMounts", mount)
}

// confused are changes of what says whose a sandbox is.
var confused = []mutation{
	{"another sandbox id", func(d *drawing) {
		user, thread := d.ids()
		d.labels()[d.Policy.Identity.SandboxIDKey] = of(d, d.sandboxID(user, thread), d.sandboxID(d.User, d.Thread),
			d.proof(user, thread), "", strings.ToUpper(d.proof(d.User, d.Thread)), "b076b51a7d6fe4e", "no-number-at-all")
	}},
	{"a sandbox id that anybody can compute", func(d *drawing) {
		d.labels()[d.Policy.Identity.SandboxIDKey] = digest(of(d, "", "somebody's own key"), d.hashed(d.User, d.Thread))[:of(d, 16, 63)]
	}},
	{"a sandbox id that ends otherwise", func(d *drawing) {
		id := d.proof(d.User, d.Thread)
		d.labels()[d.Policy.Identity.SandboxIDKey] = id[:16] + strings.Repeat(of(d, "0", "f"), of(d, 1, 16, 47))
	}},
	{"a sandbox id in another place", func(d *drawing) {
		id := d.proof(d.User, d.Thread)
		d.annotations()[d.Policy.Identity.SandboxIDKey] = id
		of(d, func() { delete(d.labels(), d.Policy.Identity.SandboxIDKey) },
			func() { d.labels()[d.Policy.Identity.SandboxIDKey] = id[:8] },
			func() { d.labels()[strings.ToUpper(d.Policy.Identity.SandboxIDKey)] = id })()
	}},
	{"stamps of another", func(d *drawing) {
		user, thread := d.ids()
		of(d, d.labels(), d.annotations())[userStamp] = of(d, user, "", "a/b")
		of(d, d.labels(), d.annotations())[threadStamp] = of(d, thread, "")
	}},
	{"a sandbox id of another text", func(d *drawing) {
		d.labels()[d.Policy.Identity.SandboxIDKey] = digest("", of(d, d.User, d.Thread, d.Thread+":"+d.User, "x:"+d.User+":"+d.Thread))[:of(d, 8, 16)]
	}},
	{"no sandbox id", func(d *drawing) { delete(d.labels(), d.Policy.Identity.SandboxIDKey) }},
	{"half an identity", func(d *drawing) { d.undeclare(of(d, d.Policy.Identity.UserKey, d.Policy.Identity.ThreadKey)) }},
	{"no identity", func(d *drawing) {
		d.undeclare(d.Policy.Identity.UserKey)
		d.undeclare(d.Policy.Identity.ThreadKey)
	}},
	{"another's directory", func(d *drawing) {
		user, thread := d.ids()
		d.User, d.Thread = of(d, user, d.User), of(d, thread, d.Thread)
		d.directory()
	}},
	{"another's directory as user data", func(d *drawing) {
		user, thread := d.User, d.Thread
		d.User, d.Thread = d.ids()
		path := d.claimPath(d.userDataDirectory())
		d.User, d.Thread = user, thread
		d.mount(d.claimVolume(), object{"subPath": path, "mountPath": d.Policy.MountPath})
	}},
	{"the path of old", func(d *drawing) {
		d.claimMount()["subPath"] = of(d, "", d.Policy.Root+"/") + "threads/" + d.Thread + "/user-data"
	}},
	{"a path that does not count", func(d *drawing) { d.misspell(d.userDataDirectory()) }},
	{"nothing but another's path, and a proof", func(d *drawing) {
		d.undeclare(d.Policy.Identity.UserKey)
		d.undeclare(d.Policy.Identity.ThreadKey)
		d.User, d.Thread = d.ids()
		d.labels()[d.Policy.Identity.SandboxIDKey] = d.proof(d.User, d.Thread)
		d.mount(d.claimVolume(), object{"subPath": d.claimPath(d.userDataDirectory()), "mountPath": d.Policy.MountPath})
	}},
	{"an id that is illegal, by its directory", func(d *drawing) {
		user, thread := d.User, d.Thread
		of(d,
			func() { d.User = of(d, "a.b", "é", "a b", "Alice_", strings.Repeat("a", 256), "-") },
			func() { d.Thread = of(d, "a.b", "T.", strings.Repeat("a", 65), "UPPER_") },
		)()
		path := d.claimPath(d.userDataDirectory())
		d.User, d.Thread = user, thread
		// As user data it would be put right.
		mounted := object{"subPath": path, "mountPath": d.spelledMountPath()}
		if d.chance(50) {
			d.undeclare(d.Policy.Identity.UserKey)
			d.undeclare(d.Policy.Identity.ThreadKey)
			d.labels()[d.Policy.Identity.SandboxIDKey] = d.proof(user, thread)
			d.mount(d.claimVolume(), object{"subPath": d.claimPath(d.userDataDirectory()), "mountPath": d.Policy.MountPath})
		}
		d.mount(d.claimVolume(), mounted)
	}},
}

// undeclare takes away what declares one half of the identity.
func (d *drawing) undeclare(key string) {
	delete(d.labels(), key)
	delete(d.annotations(), key)
}

// claimVolume adds a volume of the claim and returns its name.
func (d *drawing) claimVolume() string {
	return d.volume("persistentVolumeClaim", object{"claimName": d.Policy.Claim})
}

// misspelled is a sandbox whose gateway proves whose it is, and that names it in no way that counts.
func misspelled(d *drawing) {
	d.Good = false
	d.begin(d.provisioner())
	d.wear()
	d.User, d.Thread = d.ids()
	d.labels()[d.Policy.Identity.SandboxIDKey] = d.proof(d.User, d.Thread)
	d.misspell(d.userDataDirectory())
}

// misspell mounts user data by a path that names nobody, and is put right where the Pod is
// somebody's.
func (d *drawing) misspell(below string) {
	whole, root := d.claimPath(below), "root"
	if d.Policy.Root != "" {
		root = d.Policy.Root
	}
	onClaim := func(source object, paths ...string) object {
		name := d.Policy.Volume
		if source["claimName"] == d.Policy.Claim {
			name = d.claimVolume()
		} else {
			add(d.spec(), "volumes", object{"name": name, "persistentVolumeClaim": source})
		}
		mount := object{"name": name, "mountPath": d.Policy.MountPath, "subPath": of(d, paths...)}
		add(d.container(), "volumeMounts", mount)
		return mount
	}
	own := object{"claimName": d.Policy.Claim}
	onNode := func(paths ...string) {
		add(d.spec(), "volumes", object{"name": d.Policy.Volume, "hostPath": object{"path": of(d, paths...)}})
		add(d.container(), "volumeMounts", object{"name": d.Policy.Volume, "mountPath": d.Policy.MountPath})
	}
	base := of(d, append(slices.Clone(d.Policy.HostBases), "/base")...)
	of(d,
		func() { onClaim(own, whole)["subPathExpr"] = "$(X)" },
		func() { onClaim(own, "x/../"+whole, parent(whole)+"/x/../"+below[len(parent(below)):], "/"+whole) },
		func() { onClaim(own, below, "x/"+whole, root+"x/"+below, root+"/"+whole, whole+"/x", parent(whole)) },
		func() { onClaim(object{"claimName": of(d, "other", "deer-flow-skills")}, whole) },
		func() {
			claims := append(slices.Clone(d.Policy.Allowed.Claims), "other")
			d.mount(d.volume("persistentVolumeClaim", object{"claimName": of(d, claims...)}), object{"subPath": whole})
			onClaim(own, "")
		},
		func() { onNode(base+"/x/../"+below, "/x/.."+base+"/"+below) },
		func() { onNode(base+"x/"+below, base+"/"+below+"/x", base+"/x/"+below, "/base/"+below, "/"+below) },
		func() { onNode(strings.TrimPrefix(base, "/")+"/"+below, "./"+base+"/"+below) },
	)()
}
