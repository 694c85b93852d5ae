namespace Mounted;

[Collection(AreaGroup.Name)]
public sealed class SqliteTests(Area area)
{
    [MountedFact("sqlite3")]
    public void Thousands_of_rows_are_inserted_and_the_database_is_whole()
    {
        var (directory, _) = area.NewDirectory("sqlite");
        var inOneTransaction = string.Concat(Enumerable.Range(1, 4000).Select(row => $"insert into t values({row}, 'row {row}', randomblob(100));\n"));
        var eachForItself = string.Concat(Enumerable.Range(4001, 150).Select(row => $"insert into t values({row}, 'row {row}', randomblob(100));\n"));

        Query(directory, "create table t(id integer primary key, name text, data blob); create index i on t(name);");
        Query(directory, "begin;\n" + inOneTransaction + "commit;\n");
        Query(directory, eachForItself);
        Query(directory, "begin; delete from t; rollback;");
        Query(directory, "begin; update t set name = 'x' || name where id % 3 = 0; commit;");

        Assert.Equal("ok", Query(directory, "pragma integrity_check;"));
        Assert.Equal("4150|8613325|1383", Query(directory, "select count(*), sum(id), sum(name like 'x%') from t;"));
        Query(directory, "vacuum;");
        Assert.Equal("ok", Query(directory, "pragma integrity_check;"));
        Assert.Equal(["database"], Directory.EnumerateFiles(directory).Select(Path.GetFileName));
    }

    [MountedFact("sqlite3")]
    public void Two_mounts_insert_into_one_database_at_the_same_time()
    {
        var (first, second) = area.NewDirectory("sqlite");
        Query(first, "create table t(id integer primary key, origin text);");
        var tools = new[] { (first, "first"), (second, "second") }.Select(at => Tool.Start(
            "sqlite3",
            ["-cmd", ".timeout 60000", "database"],
            at.Item1,
            string.Concat(Enumerable.Repeat($"insert into t(origin) values('{at.Item2}');\n", 60)))).ToList();
        try
        {
            foreach (var tool in tools)
            {
                Assert.Equal("", tool.Wait().Succeeded());
            }
        }
        finally
        {
            tools.ForEach(tool => tool.Dispose());
        }

        Assert.Equal("ok", Query(second, "pragma integrity_check;"));
        Assert.Equal("first|60\nsecond|60", Query(first, "select origin, count(*) from t group by origin order by origin;"));
    }

    private static string Query(string directory, string sql)
    {
        var outcome = Tool.Run("sqlite3", ["-bail", "-cmd", ".timeout 60000", "database"], directory, sql);
        Assert.Equal("", outcome.Errors);
        return outcome.Succeeded().Trim();
    }
}
