package oracle

// fields are the names that an object may have, each with those of the object below it; nil
// where what is below is not looked at.
type fields map[string]fields

// mountFields are those of a mount in Kubernetes 1.37.
var mountFields = fields{
	"name": nil, "readOnly": nil, "recursiveReadOnly": nil, "mountPath": nil, "subPath": nil,
	"mountPropagation": nil, "subPathExpr": nil, "bindMountOptions": nil,
}

// The parts that several volume sources have, in Kubernetes 1.37.
var (
	keyFields  = fields{"key": nil, "path": nil, "mode": nil, "user": nil}
	fileFields = fields{
		"path": nil, "mode": nil, "user": nil,
		"fieldRef":         {"apiVersion": nil, "fieldPath": nil},
		"resourceFieldRef": {"containerName": nil, "resource": nil, "divisor": nil},
	}
	projectionFields = fields{
		"secret":              {"name": nil, "items": keyFields, "optional": nil},
		"configMap":           {"name": nil, "items": keyFields, "optional": nil},
		"downwardAPI":         {"items": fileFields},
		"serviceAccountToken": {"audience": nil, "expirationSeconds": nil, "path": nil, "user": nil},
		"clusterTrustBundle":  {"name": nil, "signerName": nil, "labelSelector": nil, "optional": nil, "path": nil, "user": nil},
		"podCertificate": {
			"signerName": nil, "keyType": nil, "maxExpirationSeconds": nil, "credentialBundlePath": nil,
			"keyPath": nil, "certificateChainPath": nil, "userAnnotations": nil, "user": nil,
		},
	}
)

// sourceFields are those of the volume sources that the design speaks of one by one. What is in
// a listed source is the admin's business.
var sourceFields = fields{
	"configMap":             {"name": nil, "items": keyFields, "defaultMode": nil, "defaultUser": nil, "optional": nil},
	"downwardAPI":           {"items": fileFields, "defaultMode": nil, "defaultUser": nil},
	"emptyDir":              {"medium": nil, "sizeLimit": nil},
	"projected":             {"sources": projectionFields, "defaultMode": nil, "defaultUser": nil},
	"secret":                {"secretName": nil, "items": keyFields, "defaultMode": nil, "defaultUser": nil, "optional": nil},
	"persistentVolumeClaim": {"claimName": nil, "readOnly": nil},
	"hostPath":              {"path": nil, "type": nil},
}

// unknown returns the paths of the members of a JSON value that are not among the fields. A list
// is looked at entry by entry.
func (f fields) unknown(value any) []string {
	if f == nil {
		return nil
	}
	var found []string
	switch value := value.(type) {
	case []any:
		for _, entry := range value {
			found = append(found, f.unknown(entry)...)
		}
	case object:
		for key, member := range value {
			below, ok := f[key]
			if !ok {
				found = append(found, key)
			}
			for _, path := range below.unknown(member) {
				found = append(found, key+"."+path)
			}
		}
	}
	return found
}
