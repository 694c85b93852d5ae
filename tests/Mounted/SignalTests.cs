namespace Mounted;

/// <summary>Programs that get signals go on as on a local file system; those that are killed don't hang.</summary>
[Collection(AreaGroup.Name)]
public sealed class SignalTests(Area area)
{
    [MountedFact("cp", "diff")]
    public void A_copy_that_is_stopped_and_continued_all_the_time_loses_nothing()
    {
        var (directory, _) = area.NewDirectory("signals");
        Tool.Shell(
            """
            set -e
            mkdir from
            for i in $(seq 300); do echo "file $i" > from/$i; done
            cp -a from to & copy=$!
            stops=0
            while kill -TSTP $copy 2> /dev/null; do kill -CONT $copy; stops=$((stops + 1)); sleep 0.002; done
            wait $copy
            [ $stops -gt 3 ]
            diff -r from to
            """,
            directory).Succeeded();
    }

    [MountedFact("python3")]
    public void A_program_with_an_interval_timer_sees_no_interrupted_calls()
    {
        var (directory, _) = area.NewDirectory("timer");
        Tool.Run(
            "python3",
            [
                "-c",
                """
                import os, signal
                ticks = 0
                def tick(number, frame):
                    global ticks
                    ticks += 1
                signal.signal(signal.SIGALRM, tick)
                signal.siginterrupt(signal.SIGALRM, False)
                signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
                for i in range(300):
                    os.mkdir(f"d{i}")
                    with open(f"d{i}/f", "w") as file: file.write("x" * 5000)
                    os.rename(f"d{i}/f", f"d{i}/g")
                    assert os.stat(f"d{i}/g").st_size == 5000
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert ticks > 10
                """,
            ],
            directory).Succeeded();
    }
}
