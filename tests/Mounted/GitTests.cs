namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed class GitTests(Area area)
{
    private const string Configure = "git config user.name Tester; git config user.email tester@example.org; git config gc.auto 0; ";

    [MountedFact("git")]
    public void A_repository_is_made_filled_checked_packed_and_cloned()
    {
        var (directory, _) = area.NewDirectory("git");

        Tool.Shell(
            "git init -q -b main origin; cd origin; " + Configure + """
            for commit in $(seq 1 30); do
              mkdir -p "dir$((commit % 7))"
              seq "$commit" $((commit * 50)) > "dir$((commit % 7))/file$((commit % 11))"
              git add -A
              git commit -q -m "commit $commit"
            done
            git branch side HEAD~10
            git tag -a -m tag v1 HEAD~5
            """,
            directory).Succeeded();
        Tool.Shell("git fsck --full --strict", Path.Combine(directory, "origin")).Succeeded();
        Assert.Equal("30", Tool.Shell("git rev-list --count HEAD", Path.Combine(directory, "origin")).Succeeded().Trim());

        Tool.Shell("git clone -q --no-local origin clone", directory).Succeeded();

        Assert.Equal("", Tool.Shell("git status --porcelain", Path.Combine(directory, "clone")).Succeeded());
        Assert.Equal(
            Tool.Shell("git rev-parse main v1", Path.Combine(directory, "origin")).Succeeded(),
            Tool.Shell("git rev-parse main v1", Path.Combine(directory, "clone")).Succeeded());
    }

    [MountedFact("git")]
    public void Branches_are_merged_and_the_repository_survives_gc()
    {
        var (directory, _) = area.NewDirectory("merge");

        Tool.Shell(
            "git init -q -b main .; " + Configure + """
            seq 1 100 > numbers
            git add numbers
            git commit -q -m base
            git checkout -q -b side
            sed -i '1s/.*/side/' numbers
            git commit -q -a -m side
            git checkout -q main
            sed -i '100s/.*/main/' numbers
            git commit -q -a -m main
            git merge -q -m merge side
            git gc -q --prune=now
            git fsck --full --strict
            """,
            directory).Succeeded();

        var lines = File.ReadAllLines(Path.Combine(directory, "numbers"));
        Assert.Equal("side", lines[0]);
        Assert.Equal("main", lines[^1]);
    }
}
