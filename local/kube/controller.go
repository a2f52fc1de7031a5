package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// retryInterval is the longest time between two passes.
const retryInterval = 5 * time.Second

// clientCommand returns a command that has a client of the API server.
func clientCommand(name string, run func(context.Context, kubernetes.Interface) error) *cobra.Command {
	var kubeconfig string
	command := &cobra.Command{
		Use:          name,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			return run(command.Context(), client)
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "file that says how to reach the API server")
	return command
}

// control calls pass at first, after each change of a watched object, and every few seconds, until the
// context ends. A pass looks at all objects and logs what fails; the next one tries it again.
func control(
	ctx context.Context, factory informers.SharedInformerFactory,
	watched []cache.SharedIndexInformer, pass func(context.Context),
) error {
	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default: // a pass is due already
		}
	}
	for _, informer := range watched {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { wake() },
			UpdateFunc: func(any, any) { wake() },
			DeleteFunc: func(any) { wake() },
		}); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for ctx.Err() == nil {
		pass(ctx)
		select {
		case <-changed:
		case <-time.After(retryInterval):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
