use seedloop::*;
fn rss() -> f64 { let s = std::fs::read_to_string("/proc/self/status").unwrap(); let l = s.lines().find(|l| l.starts_with("VmHWM")).unwrap(); l.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0 }
fn main() {
    let n: usize = 1_000_000;
    let before = rss();
    let mut r = Runner::new(Config::default().steps_max(u64::MAX).instant_steps_max(u64::MAX));
    r.run(async move {
        let mut ts = Vec::with_capacity(n);
        for _ in 0..n { ts.push(spawn(async { yield_now().await?; yield_now().await })); }
        yield_now().await?;
        println!("{:.1} MiB", rss() - before);
        Ok::<_, Error>(())
    }).unwrap();
    println!("{:.1} MiB end", rss() - before);
}
