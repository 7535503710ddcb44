// Fetches the report again now and then; what was opened stays open, and nothing moves.
const every = 4000;
async function refresh() {
  const answer = await fetch(location.pathname + "?part=body", { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.statusText);
  const text = await answer.text(), report = document.getElementById("report");
  if (text === refresh.last) return;
  refresh.last = text;
  const open = [...report.querySelectorAll("details")].map((one) => one.open);
  report.innerHTML = text;
  report.querySelectorAll("details").forEach((one, k) => { one.open = !!open[k]; });
  document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed || 0) + 1);
}
setInterval(() => { if (!document.hidden) refresh().catch(() => { document.title = "(away) " + document.title.replace("(away) ", ""); }); }, every);
