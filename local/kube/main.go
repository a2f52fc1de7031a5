// Kube is Kubernetes in one program. The name by which it is called selects the component.
//
// The components share most of their code: one program is compiled and linked once, and the kernel
// keeps one copy of its text in memory.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// commands holds the components that are commands of cobra: all but etcd.
var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubelet":                 kubeletCommand,
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
	"load-balancer":           loadBalancerCommand,
	"dns":                     dnsCommand,
	"host-path-provisioner":   provisionerCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	command, exists := commands[name]
	if !exists {
		fmt.Fprintf(os.Stderr, "%s is not a component of Kubernetes: call this program through a link named after one\n", name)
		os.Exit(2)
	}
	if name == "kubectl" {
		if err := cli.RunNoErrOutput(command()); err != nil {
			kubectlutil.CheckErr(err) // prints the error and exits with kubectl's own status
		}
		return
	}
	os.Exit(cli.Run(command()))
}
