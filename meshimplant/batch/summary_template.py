"""The template of the page that `summary_html` fills; every value is escaped."""

# ruff: noqa: E501

from __future__ import annotations

from typing import Final

SUMMARY_TEMPLATE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="generator" content="meshimplant">
<title>{{ verb }}: {{ total }}</title>
<style>
  @page { size: A4 landscape; margin: 12mm; }
  :root { --back: #dee3e9; --sheet: #fff; --ink: #1c2633; --soft: #5b6878; --line: #d5dbe2; --wash: #f3f5f8; --link: #0b5cad;
          --pass: #1d7a4f; --warn: #9a6200; --fail: #b3261e; --none: #5b6878; --mark: #4d7fb3; --on: #fff; }
  @media screen and (prefers-color-scheme: dark) {
    :root { --back: #10151b; --sheet: #1a212a; --ink: #e4e9ef; --soft: #9fabb9; --line: #333e4b; --wash: #222b36; --link: #7cb7f2;
            --pass: #4cb985; --warn: #e0a336; --fail: #f0776c; --none: #8592a3; --mark: #74a9e0; --on: #10151b; } }
  * { box-sizing: border-box; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { margin: 0; background: var(--back); color: var(--ink);
         font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
  main { max-width: 1480px; margin: 20px auto; padding: 28px 34px; background: var(--sheet); border-radius: 12px; }
  h1 { font-size: 24px; margin: 0 0 2px; }
  h2 { font-size: 16px; margin: 28px 0 8px; padding-bottom: 4px; border-bottom: 2px solid var(--line); break-after: avoid; }
  a { color: var(--link); }
  .soft { color: var(--soft); }
  .bar { display: flex; height: 14px; border-radius: 7px; overflow: hidden; margin: 16px 0 8px; gap: 2px; }
  .pass { background: var(--pass); } .warn { background: var(--warn); } .fail { background: var(--fail); } .none { background: var(--none); }
  .tag { display: inline-block; white-space: nowrap; padding: 0 8px; border-radius: 5px; color: var(--on); font-size: 12px; font-weight: 600; }
  .legend { display: flex; flex-wrap: wrap; gap: 4px 18px; }
  .legend strong { font-size: 17px; }
  table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th { text-align: left; color: var(--soft); font-weight: 600; font-size: 12.5px; vertical-align: bottom; }
  th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); }
  td { vertical-align: top; overflow-wrap: break-word; }
  tr { break-inside: avoid; }
  td.n, th.n { text-align: right; white-space: nowrap; }
  th.n { white-space: normal; min-width: 66px; max-width: 96px; }
  td.m { min-width: 200px; max-width: 420px; }
  code { font: 12px ui-monospace, SFMono-Regular, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
  .n.warn, .n.fail { background: none; font-weight: 700; }
  .n.warn { color: var(--warn); } .n.fail { color: var(--fail); }
  .n.pass, .n.none { background: none; }
  .scroll { overflow-x: auto; }
  .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 12px; }
  figure { margin: 0; padding: 10px 12px 6px; border: 1px solid var(--line); border-radius: 8px; break-inside: avoid; }
  figcaption strong { display: block; }
  figcaption span { font-size: 12px; }
  svg { display: block; width: 100%; height: auto; overflow: visible; }
  svg text { font-size: 11px; fill: var(--soft); }
  svg .pass { fill: var(--pass); } svg .warn { fill: var(--warn); } svg .fail { fill: var(--fail); } svg .none { fill: var(--mark); }
  svg .axis { stroke: var(--soft); stroke-width: 1; } svg .limit { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 4 3; }
  svg .box { stroke: var(--soft); stroke-width: 5; stroke-linecap: butt; } svg .median { fill: var(--ink); }
  img { display: block; width: 220px; border-radius: 6px; background: #fff; }
  .name { font-weight: 700; overflow-wrap: anywhere; min-width: 90px; }
  .links { display: block; font-size: 12.5px; }
  .notice { margin-top: 26px; padding: 12px 16px; background: var(--wash); border-left: 4px solid var(--soft); break-inside: avoid; }
  @media screen and (max-width: 760px) { main { margin: 0; border-radius: 0; padding: 18px; } img { width: 140px; } }
  @media print { body { background: #fff; font-size: 8.6pt; } main { margin: 0; padding: 0; max-width: none; } img { width: 150px; } }
</style>
</head>
<body>
<main>
  <h1>{{ verb[:1] | upper }}{{ verb[1:] }}: {{ total }}</h1>
  <p class="soft">{{ seconds }}{% if workers %} on {{ workers }} {{ "process" if workers == 1 else "processes" }}{% endif %}{% if kept %}, {{ kept }} kept from an earlier run{% endif %}. All lengths in millimetres. Worst first.</p>
  <div class="bar">{% for outcome, count, kind in counts %}<span class="{{ kind }}" style="flex: {{ count }}"></span>{% endfor %}</div>
  <div class="legend">{% for outcome, count, kind in counts %}<span><strong>{{ count }}</strong> <span class="tag {{ kind }}">{{ outcome }}</span></span>{% endfor %}</div>

  {% if failures %}
  <h2>Cases without a result</h2>
  <table>
    <thead><tr><th>Case</th><th>Class</th><th>What happened</th></tr></thead>
    <tbody>
    {% for case in failures %}
    <tr><td class="name">{{ case.name }}</td><td><span class="tag fail">{{ case.error }}</span></td><td>{{ case.message }}</td></tr>
    {% endfor %}
    </tbody>
  </table>
  {% endif %}

  {% if plots %}
  <h2>Distributions</h2>
  <p class="soft">Each column counts cases; its colour is their verdict: <span class="tag pass">within</span> <span class="tag warn">review</span> <span class="tag fail">beyond</span>.
    The dashed line is the limit, the bar below the axis the middle half, the dot the median. Ranges are fixed; values beyond them are drawn at the ends.</p>
  <div class="plots">
    {% for plot in plots %}
    <figure>
      <figcaption><strong>{{ plot.label }}{% if plot.unit %}, {{ plot.unit }}{% endif %}</strong><span class="soft">{{ plot.summary }}{% if plot.limit_text %}; limit {{ plot.limit_text }}{% endif %}</span></figcaption>
      <svg viewBox="0 0 {{ size[0] }} {{ size[1] }}" role="img" aria-label="{{ plot.label }}: {{ plot.summary }}">
        {% for column in plot.columns %}<rect class="{{ column.kind }}" x="{{ column.x }}" y="{{ column.y }}" width="{{ column.width }}" height="{{ column.height }}"><title>{{ column.names }}</title></rect>
        {% endfor %}
        <line class="axis" x1="12" y1="66.5" x2="{{ size[0] - 12 }}" y2="66.5"/>
        {% if plot.limit is not none %}<line class="limit" x1="{{ plot.limit }}" y1="6" x2="{{ plot.limit }}" y2="78"/>{% endif %}
        <line class="box" x1="{{ plot.box[0] - 0.5 }}" y1="76" x2="{{ plot.box[2] + 0.5 }}" y2="76"/><circle class="median" cx="{{ plot.box[1] }}" cy="76" r="3.5"/>
        {% for x, text in plot.ticks %}<text x="{{ x }}" y="98" text-anchor="{{ ["start", "middle", "end"][loop.index0] }}">{{ text }}</text>{% endfor %}
      </svg>
    </figure>
    {% endfor %}
  </div>
  {% endif %}

  {% if findings %}
  <h2>Findings</h2>
  <table style="width: auto">
    <thead><tr><th>Severity</th><th>Code</th><th class="n">Cases</th></tr></thead>
    <tbody>
    {% for each in findings %}
    <tr><td><span class="tag {{ {"error": "fail", "warning": "warn", "info": "none"}[each.severity] }}">{{ each.severity }}</span></td><td><code>{{ each.code }}</code></td><td class="n">{{ each.cases }}</td></tr>
    {% endfor %}
    </tbody>
  </table>
  {% endif %}

  <h2>Cases</h2>
  <div class="scroll">
  <table>
    <thead><tr><th>Case</th>{% if has_pictures %}<th></th>{% endif %}<th>Verdict</th><th>Findings</th>{% for head in heads %}<th class="n">{{ head.name }}{% if head.unit %}, {{ head.unit }}{% endif %}</th>{% endfor %}<th class="n">Time</th><th class="n">Memory</th></tr></thead>
    <tbody>
    {% for case in cases %}
    <tr><td class="name">{{ case.name }}{% if case.links %}<span class="links">{% for words, target in case.links %}<a href="{{ target }}">{{ words }}</a> {% endfor %}</span>{% endif %}</td>
        {% if has_pictures %}<td>{% if case.picture %}<img alt="{{ case.name }}" src="data:image/jpeg;base64,{{ case.picture }}">{% endif %}</td>{% endif %}
        <td><span class="tag {{ case.kind }}">{{ case.outcome }}</span></td>
        <td class="m">{% if case.counted %}{{ case.counted }}<br>{% endif %}{% for code in case.codes %}<code>{{ code }}</code> {% endfor %}{{ case.message }}</td>
        {% for cell in case.cells %}<td class="n {{ cell.kind }}">{{ cell.text }}</td>{% endfor %}
        <td class="n">{{ case.seconds }}</td><td class="n">{{ case.memory }}</td></tr>
    {% endfor %}
    </tbody>
  </table>
  </div>

  <p class="soft">{{ versions }}</p>
  <p class="notice"><strong>Not a medical device.</strong> This page and the parts were made by research software without regulatory approval.
    A qualified person must verify shape, fit, material and sterilisation before any part is made for a patient.</p>
</main>
</body>
</html>
"""
