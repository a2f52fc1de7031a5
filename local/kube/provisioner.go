package main

import (
	"context"
	errors "errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	storagehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"
)

// provisionerCommand returns the controller that makes volumes of folders, as a cloud's makes disks.
//
// All nodes share the machine's file system, so a volume may be written from several of them.
func provisionerCommand() *cobra.Command {
	var name, folder string
	command := clientCommand("host-path-provisioner", func(ctx context.Context, client kubernetes.Interface) error {
		if name == "" || !filepath.IsAbs(folder) {
			return fmt.Errorf("--storage-class-provisioner and --folder, an absolute path, are needed")
		}
		factory := informers.NewSharedInformerFactory(client, 0)
		claims := factory.Core().V1().PersistentVolumeClaims()
		volumes := factory.Core().V1().PersistentVolumes()
		p := &provisioner{client, claims.Lister(), volumes.Lister(), name, folder}
		return control(ctx, factory, []cache.SharedIndexInformer{claims.Informer(), volumes.Informer()}, p.pass)
	})
	command.Flags().StringVar(&name, "storage-class-provisioner", "", "the provisioner that storage classes name")
	command.Flags().StringVar(&folder, "folder", "", "where the volumes' folders are made")
	return command
}

type provisioner struct {
	client  kubernetes.Interface
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	name    string
	folder  string
}

// pass serves each claim, and reclaims each volume whose claim is gone.
func (p *provisioner) pass(ctx context.Context) {
	claims, err := p.claims.List(labels.Everything())
	if err != nil {
		klog.ErrorS(err, "Claims not listed")
		return
	}
	for _, claim := range claims {
		if err := p.serve(ctx, claim); err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			klog.ErrorS(err, "Claim not served", "claim", klog.KObj(claim))
		}
	}
	volumes, err := p.volumes.List(labels.Everything())
	if err != nil {
		klog.ErrorS(err, "Volumes not listed")
		return
	}
	for _, volume := range volumes {
		if err := p.reclaim(ctx, volume); err != nil && !apierrors.IsNotFound(err) {
			klog.ErrorS(err, "Volume not reclaimed", "volume", volume.Name)
		}
	}
}

// serve makes the volume of a claim that has none, and grows the volume of one that asks for more.
//
// The controller manager names the provisioner in an annotation of the claim when a volume is wanted:
// at once, or, where the class waits for the first consumer, when the scheduler has selected a node.
func (p *provisioner) serve(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if claim.Annotations[storagehelpers.AnnStorageProvisioner] != p.name || claim.DeletionTimestamp != nil {
		return nil
	}
	if claim.Spec.VolumeName == "" {
		return p.provision(ctx, claim)
	}
	wanted := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if claim.Status.Phase == corev1.ClaimBound && wanted.Cmp(claim.Status.Capacity[corev1.ResourceStorage]) > 0 {
		return p.grow(ctx, claim, wanted)
	}
	return nil
}

func (p *provisioner) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	name := "pvc-" + string(claim.UID)
	path := filepath.Join(p.folder, name)
	// Whichever user a container has may write, as on clouds' shared file systems: hence no umask.
	if err := errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, 0o777)); err != nil {
		return err
	}
	kind := corev1.HostPathDirectoryOrCreate
	_, err := p.client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			// Without it the controller manager tries to delete the folder itself, and fails.
			Annotations: map[string]string{storagehelpers.AnnDynamicallyProvisioned: p.name},
		},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      claim.Spec.Resources.Requests,
			ClaimRef:                      &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &kind}},
			StorageClassName:              *claim.Spec.StorageClassName,
		},
	}, metav1.CreateOptions{})
	return err
}

// grow writes the wanted size into the volume and the claim: a folder has none of its own.
func (p *provisioner) grow(ctx context.Context, claim *corev1.PersistentVolumeClaim, wanted resource.Quantity) error {
	volume, err := p.volumes.Get(claim.Spec.VolumeName)
	if err != nil {
		return err
	}
	if wanted.Cmp(volume.Spec.Capacity[corev1.ResourceStorage]) > 0 {
		grown := volume.DeepCopy()
		grown.Spec.Capacity[corev1.ResourceStorage] = wanted
		if _, err := p.client.CoreV1().PersistentVolumes().Update(ctx, grown, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	told := claim.DeepCopy()
	told.Status.Capacity[corev1.ResourceStorage] = wanted
	_, err = p.client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, told, metav1.UpdateOptions{})
	return err
}

// reclaim deletes a volume and its folder when its claim is gone.
func (p *provisioner) reclaim(ctx context.Context, volume *corev1.PersistentVolume) error {
	if volume.Annotations[storagehelpers.AnnDynamicallyProvisioned] != p.name ||
		volume.Status.Phase != corev1.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(p.folder, volume.Name)); err != nil {
		return err
	}
	return p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
}
