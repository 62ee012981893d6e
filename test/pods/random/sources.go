package random

// source draws a volume source of any kind, some with fields that matter.
func (d *drawing) source() (kind string, source any) {
	kinds := []struct {
		kind    string
		sources []any
	}{
		{"emptyDir", []any{object{}, object{"medium": "Memory"}, object{"claimName": d.Policy.Claim}, nil}},
		{"configMap", []any{object{"name": d.configMap()}, object{"name": "x", "items": []any{object{"key": "k", "path": "p", "tomorrow": 1}}}}},
		{"downwardAPI", []any{object{"items": []any{}}}},
		{"persistentVolumeClaim", []any{
			object{"claimName": d.Policy.Claim}, object{"claimName": d.Policy.Claim, "readOnly": true}, object{"claimName": "postgres"},
			object{"claimName": "postgres", "readOnly": true}, object{"claimName": d.In.Oracle[0].Claim}, object{"claimName": d.Policy.Claim, "tomorrow": "x"}, object{},
		}},
		{"hostPath", []any{object{"path": d.hostPath()}, object{"path": d.hostPath(), "type": of(d, "Directory", "File", "Socket", "BlockDevice", "")}}},
		{"secret", []any{object{"secretName": d.secret()}, object{"secretName": ""}}},
		{"projected", []any{
			object{"sources": []any{object{"secret": object{"name": d.secret()}}}},
			object{"sources": []any{object{"configMap": object{"name": d.configMap()}}, object{"serviceAccountToken": object{"path": "t", "audience": of(d, "vault", "sts", "")}}}},
			object{"sources": []any{object{"clusterTrustBundle": object{"name": "x", "path": "x"}}, object{"podCertificate": object{"signerName": "x/y"}}}},
			object{"sources": []any{object{"tomorrow": object{}}}},
			object{"sources": []any{object{}, nil}},
		}},
		{"ephemeral", []any{
			object{"volumeClaimTemplate": object{"spec": d.emptyVolume()}},
			object{"volumeClaimTemplate": object{"spec": object{"volumeName": "pv"}}},
			object{"volumeClaimTemplate": object{"spec": object{"selector": of(d, object{}, object{"matchExpressions": []any{object{"key": "k", "operator": "Exists"}}})}}},
			object{"volumeClaimTemplate": object{"spec": object{"dataSource": object{"kind": "PersistentVolumeClaim", "name": d.Policy.Claim}}}},
			object{"volumeClaimTemplate": object{"spec": object{"dataSourceRef": object{"kind": "VolumeSnapshot", "name": "x", "namespace": "y"}}}},
			object{}, object{"volumeClaimTemplate": nil},
		}},
		{"csi", []any{object{"driver": "efs.csi.aws.com"}, object{"driver": "secrets-store.csi.k8s.io"}, object{}}},
		{"nfs", []any{object{"server": "nfs", "path": "/"}}},
		{"iscsi", []any{object{"targetPortal": "x", "iqn": "x", "lun": 0}}},
		{"image", []any{object{"reference": "image"}}},
		{"gitRepo", []any{object{"repository": "https://example.com"}}},
		{"rbd", []any{object{"monitors": []any{"x"}, "image": "x"}}},
		{"flexVolume", []any{object{"driver": "x"}}},
		{"cephfs", []any{object{"monitors": []any{"x"}}}},
		{"glusterfs", []any{object{"endpoints": "x", "path": "x"}}},
		{"fc", []any{object{"targetWWNs": []any{"x"}}}},
		{"local", []any{object{"path": "/"}}},
		{"azureFile", []any{object{"secretName": "postgres", "shareName": "x"}}},
		{"azureDisk", []any{object{"diskName": "x", "diskURI": "x"}}},
		{"awsElasticBlockStore", []any{object{"volumeID": "x"}}},
		{"gcePersistentDisk", []any{object{"pdName": "x"}}},
		{"cinder", []any{object{"volumeID": "x"}}},
		{"vsphereVolume", []any{object{"volumePath": "x"}}},
		{"portworxVolume", []any{object{"volumeID": "x"}}},
		{"photonPersistentDisk", []any{object{"pdID": "x"}}},
		{"quobyte", []any{object{"registry": "x", "volume": "x"}}},
		{"scaleIO", []any{object{"gateway": "x", "system": "x", "secretRef": object{"name": "postgres"}}}},
		{"storageos", []any{object{"volumeName": "x"}}},
		{"flocker", []any{object{"datasetName": "x"}}},
		{"tomorrow", []any{object{"claimName": d.Policy.Claim}, "text", 1, []any{}}},
		{"persistentvolumeclaim", []any{object{"claimName": d.Policy.Claim}}},
	}
	drawn := of(d, kinds...)
	return drawn.kind, of(d, drawn.sources...)
}

// emptyVolume is what is asked of a volume that starts empty, if the policy lists its class.
func (d *drawing) emptyVolume() object {
	return object{"storageClassName": of(d, append(d.Policy.Allowed.StorageClasses, "standard")...), "accessModes": []any{"ReadWriteOnce"}, "resources": object{"requests": object{"storage": "1Gi"}}}
}

// hostPath draws a path of the node.
func (d *drawing) hostPath() string {
	paths := []string{"/", "", "/etc", "/var/lib/kubelet", "skills", "/skills", "/skills/", "/x/../skills", "/skills/x"}
	paths = append(paths, d.Policy.Allowed.HostPaths...)
	for _, base := range d.Policy.HostBases {
		directory := base + "/" + d.resolved(of(d, d.Policy.Directories...).Path)
		paths = append(paths, base, base+"/", parent(base), base+"/users", base+"/"+d.path(), base+"x",
			directory, directory, directory+"/", base+"x/"+d.resolved(of(d, d.Policy.Directories...).Path), directory+"/..", base+"/./"+d.userDataDirectory(), base+"/../"+base)
	}
	return of(d, paths...)
}

// secret draws the name of a Secret.
func (d *drawing) secret() string {
	return of(d, append(d.Policy.Allowed.Secrets, "postgres", "")...)
}

// configMap draws the name of a ConfigMap.
func (d *drawing) configMap() string {
	return of(d, append(d.Policy.Allowed.ConfigMaps, "kube-root-ca.crt", "x", "")...)
}

// readableConfigMap draws the name of a ConfigMap that every policy of the installation allows.
func (d *drawing) readableConfigMap() string {
	if d.Policy.Allowed.RestrictsConfigMaps {
		return of(d, append(d.Policy.Allowed.ConfigMaps, "kube-root-ca.crt", "openshift-service-ca.crt")...)
	}
	return "x"
}
