package main

import (
	"fmt"

	cadvisorapi "github.com/google/cadvisor/info/v1"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet/cadvisor"
	"k8s.io/kubernetes/pkg/kubelet/cm"
)

// kubeletCommand returns the kubelet with two more flags, which set the size of the machine that it
// reports.
//
// SkyPilot asks for at least two cores for each pod, and a rehearsal runs several pods on a machine
// with two. The kubelet overwrites the capacity that anyone else writes into its node, but it reads the
// size of the machine through an interface, and the caller may supply that.
func kubeletCommand() *cobra.Command {
	flags := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	kubeletFlags := options.NewKubeletFlags()
	config, err := options.NewKubeletConfiguration()
	if err != nil {
		panic(err)
	}
	kubeletFlags.AddFlags(flags)
	options.AddKubeletConfigFlags(flags, config)
	options.AddGlobalFlags(flags)
	cores := flags.Int("pretend-cores", 0, "number of cores to report (0: the machine's own)")
	memory := flags.String("pretend-memory", "", "memory to report, such as 128Gi (empty: the machine's own)")

	return &cobra.Command{
		Use: "kubelet",
		// As in the kubelet's own command: flags that packages register globally are not accepted.
		DisableFlagParsing: true,
		SilenceUsage:       true,
		RunE: func(command *cobra.Command, args []string) error {
			if err := flags.Parse(args); err != nil {
				return err
			}
			features := utilfeature.DefaultMutableFeatureGate
			if err := features.SetFromMap(config.FeatureGates); err != nil {
				return err
			}
			logs.InitLogs()
			if err := logsapi.ValidateAndApply(&config.Logging, features); err != nil {
				return err
			}
			server := &options.KubeletServer{KubeletFlags: *kubeletFlags, KubeletConfiguration: *config}
			dependencies, err := app.UnsecuredDependencies(command.Context(), server, features)
			if err != nil {
				return err
			}
			dependencies.CAdvisorInterface, err = newMachine(server, *cores, *memory)
			if err != nil {
				return err
			}
			return app.Run(command.Context(), server, dependencies, features)
		},
	}
}

// machine is cAdvisor with another size of the machine.
type machine struct {
	cadvisor.Interface
	cores  int
	memory uint64
}

// newMachine returns the cAdvisor that app.Run would make itself, with the size to report.
func newMachine(server *options.KubeletServer, cores int, memory string) (cadvisor.Interface, error) {
	reported := &machine{cores: cores}
	if memory != "" {
		quantity, err := resource.ParseQuantity(memory)
		if err != nil {
			return nil, fmt.Errorf("--pretend-memory: %w", err)
		}
		reported.memory = uint64(quantity.Value())
	}
	endpoint := server.ContainerRuntimeEndpoint
	var err error
	reported.Interface, err = cadvisor.New(
		cadvisor.NewImageFsInfoProvider(endpoint),
		server.RootDirectory,
		[]string{cm.NodeAllocatableRoot(server.CgroupRoot, server.CgroupsPerQOS, server.CgroupDriver)},
		cadvisor.UsingLegacyCadvisorStats(endpoint),
		server.LocalStorageCapacityIsolation,
	)
	return reported, err
}

// MachineInfo returns the facts of the machine with the size to report.
func (m *machine) MachineInfo() (*cadvisorapi.MachineInfo, error) {
	actual, err := m.Interface.MachineInfo()
	if err != nil {
		return nil, err
	}
	info := *actual
	if m.cores > 0 {
		info.NumCores = m.cores
	}
	if m.memory > 0 {
		info.MemoryCapacity = m.memory
	}
	return &info, nil
}
