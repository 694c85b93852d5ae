using System.Runtime.Versioning;

// Each test has the machine to itself: some measure CPU time, some drop the kernel's caches.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: SupportedOSPlatform("linux")]
