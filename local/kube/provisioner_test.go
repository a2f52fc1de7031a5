package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	storagehelpers "k8s.io/component-helpers/storage/volume"
)

func newClaim(provisioner string) *corev1.PersistentVolumeClaim {
	class := "folders"
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "models", UID: "1",
			Annotations: map[string]string{storagehelpers.AnnStorageProvisioner: provisioner},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
			StorageClassName: &class,
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")},
			},
		},
	}
}

// run makes one pass over the objects, and returns what the API server has afterwards.
func run(t *testing.T, folder string, claim *corev1.PersistentVolumeClaim, volumes ...*corev1.PersistentVolume) (
	*corev1.PersistentVolumeClaim, []corev1.PersistentVolume,
) {
	client := fake.NewClientset(claim)
	claims := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	known := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	claims.Add(claim)
	for _, volume := range volumes {
		client.Tracker().Add(volume)
		known.Add(volume)
	}
	p := &provisioner{
		client, corelisters.NewPersistentVolumeClaimLister(claims),
		corelisters.NewPersistentVolumeLister(known), "folders.local", folder,
	}
	p.pass(context.Background())
	after, err := client.CoreV1().PersistentVolumeClaims("default").Get(context.Background(), claim.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	left, err := client.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return after, left.Items
}

func TestAClaimGetsAVolumeOfItsOwn(t *testing.T) {
	folder := t.TempDir()
	_, volumes := run(t, folder, newClaim("folders.local"))
	if len(volumes) != 1 {
		t.Fatalf("%d volumes", len(volumes))
	}
	spec := volumes[0].Spec
	capacity := spec.Capacity[corev1.ResourceStorage]
	if capacity.String() != "10Gi" || spec.AccessModes[0] != corev1.ReadWriteMany || spec.ClaimRef.Name != "models" {
		t.Errorf("%+v", spec)
	}
	info, err := os.Stat(spec.HostPath.Path)
	if err != nil || info.Mode().Perm() != 0o777 || filepath.Dir(spec.HostPath.Path) != folder {
		t.Errorf("%v %v", info, err)
	}
}

func TestAClaimOfAnotherProvisionerIsLeftAlone(t *testing.T) {
	if _, volumes := run(t, t.TempDir(), newClaim("disks.cloud")); len(volumes) != 0 {
		t.Errorf("%d volumes", len(volumes))
	}
}

func TestAVolumeGrowsWithItsClaim(t *testing.T) {
	folder := t.TempDir()
	claim := newClaim("folders.local")
	_, volumes := run(t, folder, claim)
	claim.Spec.VolumeName = volumes[0].Name
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
	claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("20Gi")
	after, volumes := run(t, folder, claim, &volumes[0])
	told := after.Status.Capacity[corev1.ResourceStorage]
	capacity := volumes[0].Spec.Capacity[corev1.ResourceStorage]
	if told.String() != "20Gi" || capacity.String() != "20Gi" {
		t.Errorf("the claim says %s, the volume %s", told.String(), capacity.String())
	}
}

func TestAReleasedVolumeGoesWithItsFolder(t *testing.T) {
	folder := t.TempDir()
	claim := newClaim("folders.local")
	_, volumes := run(t, folder, claim)
	volumes[0].Status.Phase = corev1.VolumeReleased
	other := newClaim("disks.cloud")
	_, left := run(t, folder, other, &volumes[0])
	entries, _ := os.ReadDir(folder)
	if len(left) != 0 || len(entries) != 0 {
		t.Errorf("%d volumes and %d folders left", len(left), len(entries))
	}
}
