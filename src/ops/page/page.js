'use strict';
// The page of the ops endpoint: asks /api once a second and draws what it says. No library; every text from outside is set as text.
(() => {
	const ASK_MS = 1000, ROWS_MS = 2000, SAMPLES = 900, CHUNK = 100, FEW = 8;
	const $ = id => document.getElementById(id);
	const SVG = 'http://www.w3.org/2000/svg';

	// ---- how values are written
	const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
	const short = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});
	const count = (n, most = 1e7) => n < most ? whole.format(n) : short.format(n);
	const rate = n => n >= 100 || n === 0 ? count(n) : n.toFixed(n < 10 ? 1 : 0);
	function bytes(n) {
		let unit = 0;
		for (; n >= 1024 && unit < 5; unit++) n /= 1024;
		return `${unit === 0 || n >= 100 ? n.toFixed(0) : n.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'][unit]}`;
	}
	function took(ms) {
		if (ms < 1000) return `${Math.round(ms)} ms`;
		const s = ms / 1000;
		if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
		if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
		if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
		return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
	}
	const clock = ms => new Date(ms).toISOString().slice(11, 19);
	const stamp = (ms, now) => now - ms < 43200000 ? clock(ms) : new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
	const ago = (ms, now) => ms ? `${took(Math.max(0, now - ms))} ago` : 'never';

	// ---- elements that are made once and then only changed
	function element(name, cls, text) {
		const e = document.createElement(name);
		if (cls) e.className = cls;
		if (text !== undefined) e.textContent = text;
		return e;
	}
	function set(e, text) { if (e.textContent !== text) e.textContent = text; }
	function mark(e, state) { if (e.dataset.state !== state) e.dataset.state = state; }
	// A list's children, one a thing, kept from one look to the next.
	function keep(list, things, make, show) {
		while (list.children.length > things.length) list.lastChild.remove();
		things.forEach((t, i) => {
			if (!list.children[i]) list.append(make());
			show(list.children[i], t);
		});
	}

	// ---- asking
	let status = null, heard = 0, lost = null, next = 0, stamps = [];
	const column = {};
	const SERIES = ['seen', 'archived', 'published', 'committed', 'rows', 'bytes_in', 'bytes_out', 'rejects', 'lag'];
	async function get(path) {
		const r = await fetch(path, {cache: 'no-store', signal: AbortSignal.timeout(8000)});
		if (!r.ok) throw new Error(`${r.status}`);
		return r.json();
	}
	function take(series) {
		if (series.next < next || series.time_ms.length === SAMPLES || next === 0) { stamps = []; for (const s of SERIES) column[s] = []; }
		stamps.push(...series.time_ms);
		for (const s of SERIES) column[s].push(...series[s]);
		const cut = stamps.length - SAMPLES;
		if (cut > 0) { stamps.splice(0, cut); for (const s of SERIES) column[s].splice(0, cut); }
		next = series.next;
	}
	async function ask() {
		try {
			const [now, series] = await Promise.all([get('/api/status'), get(`/api/series?after=${next}`)]);
			status = now;
			heard = Date.now();
			lost = null;
			take(series);
		} catch (e) {
			lost = lost || Date.now();
			if (status === null) heard = 0;
		}
		draw();
	}
	async function round() {
		const began = performance.now();
		if (!document.hidden) await ask();
		setTimeout(round, Math.max(100, ASK_MS - (performance.now() - began)));
	}

	// ---- rates: of counters that only rise, over so many seconds
	function rateOf(name, seconds) {
		const c = column[name], n = stamps.length;
		if (!c || n < 2) return 0;
		let i = n - 2;
		while (i > 0 && stamps[n - 1] - stamps[i] < seconds * 1000) i--;
		const s = (stamps[n - 1] - stamps[i]) / 1000;
		return s > 0 ? Math.max(0, c[n - 1] - c[i]) / s : 0;
	}

	// ---- head
	function drawHead() {
		let state = 'unknown', text = 'Asking…';
		if (lost && Date.now() - lost > 1500) { state = 'bad'; text = heard ? `No connection since ${clock(lost)}` : 'No connection'; }
		else if (status) {
			state = status.ready ? 'good' : status.stopping ? 'warn' : 'bad';
			text = status.ready ? 'Ready' : status.stopping ? 'Stopping' : 'Not ready';
		}
		mark($('state'), state);
		set($('state-text'), text);
		document.body.classList.toggle('lost', state === 'bad' && lost !== null);
		if (!status) return;
		set($('instance'), status.instance);
		set($('clock'), clock(status.now_ms));
		const title = `${status.ready ? '' : '! '}${status.instance} · sluice`;
		if (document.title !== title) document.title = title;
		set($('version'), `sluice ${status.version}`);
	}
	function drawTrouble() {
		const wrong = status.conditions.filter(c => !c.holds), box = $('trouble');
		const lines = wrong.map(c => [c.name, c.text]);
		for (const s of status.services) if (s.name === 'catalog' && s.state === 'away') lines.push(['catalog', `${s.reason} (rows are committed all the same)`]);
		box.hidden = lines.length === 0;
		if (!box.firstChild) { box.append(element('ul')); }
		keep(box.firstChild, lines, () => { const li = element('li'); li.append(element('strong'), document.createTextNode('')); return li; },
			(li, [name, text]) => { set(li.firstChild, `${name[0].toUpperCase()}${name.slice(1)}: `); if (li.lastChild.data !== text) li.lastChild.data = text; });
	}

	// ---- the way of the data
	function stages() {
		const f = status.figures, sum = key => status.pipelines.reduce((n, p) => n + p[key], 0);
		const lag = status.partitions.reduce((n, p) => n + p.lag, 0);
		const turned = f.files_duplicate + f.files_set_aside + f.files_foreign;
		return [
			{name: 'Seen', total: f.files_seen, rate: rateOf('seen', 10), text: turned ? `${count(f.files_duplicate)} doubled, ${count(f.files_set_aside)} aside` : 'files in watched folders', held: Math.max(0, f.files_seen - f.files_archived - turned), what: 'to archive'},
			{name: 'Archived', total: f.files_archived, rate: rateOf('archived', 10), text: `${bytes(f.bytes_archived)} kept`, held: sum('archived'), what: 'to publish'},
			{name: 'Published', total: f.files_published, rate: rateOf('published', 10), text: lag ? `${count(lag)} event${lag === 1 ? '' : 's'} on the bus` : 'nothing waits on the bus', held: sum('published'), what: 'to commit'},
			{name: 'Queryable', total: f.files_committed, rate: rateOf('committed', 10), text: `${count(f.rows_committed, 1e5)} rows, ${bytes(f.table_bytes)}`},
		];
	}
	function makeStage() {
		const li = element('li', 'stage');
		li.append(element('span', 'name'), element('strong', 'total'), element('span', 'rate'), element('span', 'more-text'), element('span', 'held'));
		li.lastChild.append(element('b'), element('span'));
		return li;
	}
	function drawFlow() {
		const list = stages();
		keep($('stages'), list, makeStage, (li, s) => {
			const [name, total, speed, text, held] = li.children;
			set(name, s.name);
			set(total, count(s.total, 1e6));
			set(speed, s.rate > 0 ? `${rate(s.rate)} files/s` : 'quiet now');
			set(text, s.text);
			if (s.held > 0) { held.removeAttribute('data-none'); set(held.firstChild, `${count(s.held)} `); set(held.lastChild, s.what); } else { held.dataset.none = ''; set(held.firstChild, ''); set(held.lastChild, ''); }
		});
		drawRiver(list);
		const l = status.latency;
		set($('latency'), l.files ? `Half of the last ${l.files === 1 ? 'file' : `${whole.format(l.files)} files`} could be queried ${took(l.half_ms)} after being seen, 95 in 100 within ${took(l.most_ms)}.`
			: 'No file became queryable in the last 15 minutes.');
	}
	// One ribbon through all stages, as wide as files flow there; along the page on a narrow screen, else across it.
	function drawRiver(list) {
		const box = $('flow').getBoundingClientRect(), cards = [...$('stages').children].map(c => c.getBoundingClientRect());
		const down = cards.length > 1 && cards[1].top > cards[0].bottom - 1;
		const width = r => r > 0 ? 8 + 11 * Math.log2(1 + r) : 3;
		const middle = down ? box.width / 2 : cards[0].height / 2;
		const most = down ? 60 : cards[0].height * .8;
		const at = (along, across) => down ? `${across.toFixed(1)} ${along.toFixed(1)}` : `${along.toFixed(1)} ${across.toFixed(1)}`;
		const points = [];
		for (let i = 0; i + 1 < cards.length; i++) {
			const from = down ? cards[i].bottom - box.top : cards[i].right - box.left, to = down ? cards[i + 1].top - box.top : cards[i + 1].left - box.left;
			points.push({from: from - 1, to: to + 1, a: Math.min(most, width(list[i].rate)), b: Math.min(most, width(list[i + 1].rate))});
		}
		const ribbon = (extra) => points.map(p => {
			const mid = (p.from + p.to) / 2, a = (p.a + extra) / 2, b = (p.b + extra) / 2;
			return `M${at(p.from, middle - a)}C${at(mid, middle - a)} ${at(mid, middle - b)} ${at(p.to, middle - b)}L${at(p.to, middle + b)}C${at(mid, middle + b)} ${at(mid, middle + a)} ${at(p.from, middle + a)}Z`;
		}).join('');
		const [bed, water, ripple] = $('river').children;
		bed.setAttribute('d', ribbon(14));
		water.setAttribute('d', ribbon(0));
		ripple.setAttribute('d', points.filter(p => Math.min(p.a, p.b) >= 14).map(p => [-.28, 0, .28].map((side, lane) => {
			const mid = (p.from + p.to) / 2, start = p.from - 24 + lane * 8;
			return `M${at(start, middle + side * p.a)}L${at(p.from, middle + side * p.a)}C${at(mid, middle + side * p.a)} ${at(mid, middle + side * p.b)} ${at(p.to, middle + side * p.b)}`;
		}).join('')).join(''));
		const fastest = Math.max(...list.map(s => s.rate));
		ripple.style.animationPlayState = fastest > 0 ? 'running' : 'paused';
		ripple.style.visibility = fastest > 0 ? 'visible' : 'hidden';
		ripple.style.animationDuration = `${(2 / (1 + Math.log10(1 + fastest))).toFixed(1)}s`;
	}

	// ---- charts
	let span = 900;
	const CHARTS = [
		{name: 'Rows queryable', key: 'rows', show: n => `${rate(n)} rows/s`},
		{name: 'Files queryable', key: 'committed', show: n => `${rate(n)} files/s`},
		{name: 'Originals archived', key: 'bytes_in', show: n => `${bytes(n)}/s`},
		{name: 'Table files written', key: 'bytes_out', show: n => `${bytes(n)}/s`},
		{name: 'Events waiting', key: 'lag', gauge: true, show: n => `${count(n)} event${n === 1 ? '' : 's'}`},
		{name: 'Rejects', key: 'rejects', show: n => `${rate(n)}/s`},
	];
	function makeChart(c) {
		const figure = element('figure', 'chart'), caption = element('figcaption'), plot = element('div', 'plot'), ends = element('div', 'ends');
		caption.append(element('span', 'what', c.name), element('span', 'now', '–'));
		const svg = document.createElementNS(SVG, 'svg');
		svg.setAttribute('viewBox', '0 0 1000 100');
		svg.setAttribute('preserveAspectRatio', 'none');
		svg.setAttribute('aria-hidden', 'true');
		for (const cls of ['base', 'area', 'line', 'cross']) { const p = document.createElementNS(SVG, 'path'); p.setAttribute('class', cls); svg.append(p); }
		svg.firstChild.setAttribute('d', 'M0 100H1000');
		plot.append(svg);
		plot.tabIndex = 0;
		plot.setAttribute('role', 'slider');
		plot.setAttribute('aria-label', `${c.name} over time`);
		plot.setAttribute('aria-valuemin', '0');
		ends.append(element('span'), element('span'), element('span'));
		figure.append(caption, plot, ends);
		c.figure = figure;
		c.place = null; // which point is read: null, the newest
		const point = x => { const r = plot.getBoundingClientRect(); c.place = Math.round((x - r.left) / r.width * (c.values.length - 1)); showChart(c); };
		plot.addEventListener('pointermove', e => point(e.clientX));
		plot.addEventListener('pointerdown', e => point(e.clientX));
		plot.addEventListener('pointerleave', () => { c.place = null; showChart(c); });
		plot.addEventListener('blur', () => { c.place = null; showChart(c); });
		plot.addEventListener('keydown', e => {
			const last = c.values.length - 1, here = c.place ?? last;
			const to = {ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, PageUp: here - 10, PageDown: here + 10, Home: 0, End: last, Escape: null}[e.key];
			if (to === undefined) return;
			e.preventDefault();
			c.place = to === null || to >= last ? null : Math.max(0, to);
			showChart(c);
		});
		return figure;
	}
	// Points of a chart: means over steps that begin at whole multiples, so that a chart moves and does not flicker.
	function points(c) {
		const step = span <= 60 ? 1000 : span <= 300 ? 2000 : 5000, n = Math.ceil(span * 1000 / step);
		const data = column[c.key] || [], end = stamps.length ? Math.floor(stamps[stamps.length - 1] / step) * step : 0;
		const sum = new Float64Array(n), parts = new Uint32Array(n);
		for (let i = c.gauge ? 0 : 1; i < stamps.length; i++) {
			const slot = n - 1 - Math.floor((end - stamps[i]) / step) - 1;
			const s = c.gauge ? 1 : (stamps[i] - stamps[i - 1]) / 1000;
			if (slot < 0 || slot >= n || s <= 0) continue;
			sum[slot] += c.gauge ? data[i] : Math.max(0, data[i] - data[i - 1]) / s;
			parts[slot]++;
		}
		c.step = step;
		c.end = end;
		c.known = parts.findIndex(p => p > 0);
		c.values = Array.from(sum, (v, i) => parts[i] ? v / parts[i] : 0);
		c.newest = c.gauge ? data[data.length - 1] ?? 0 : rateOf(c.key, 5);
	}
	function showChart(c) {
		const [caption, plot, ends] = c.figure.children, n = c.values.length, last = n - 1;
		const place = c.place === null ? null : Math.min(last, Math.max(0, c.place));
		const when = place === null ? null : c.end - (last - place) * c.step;
		const value = place === null ? c.newest : c.values[place];
		set(caption.lastChild, c.show(value));
		const said = `${when ? `${clock(when)}: ` : 'now '}${c.show(value)}; most ${c.show(c.top)}`;
		plot.setAttribute('aria-valuemax', String(last));
		plot.setAttribute('aria-valuenow', String(place ?? last));
		plot.setAttribute('aria-valuetext', said);
		set(ends.children[1], when ? clock(when) : `most ${c.show(c.top)}`);
		plot.firstChild.lastChild.setAttribute('d', place === null ? '' : `M${place / last * 1000} 0V100`);
	}
	function drawCharts() {
		for (const c of CHARTS) {
			points(c);
			const n = c.values.length, top = c.top = Math.max(...c.values), [, area, line] = c.figure.children[1].firstChild.children;
			const from = c.known < 0 ? n : c.known, xy = c.values.map((v, i) => `${(i / (n - 1) * 1000).toFixed(1)} ${(top > 0 ? 98 - v / top * 94 : 98).toFixed(1)}`).slice(from);
			line.setAttribute('d', xy.length > 1 ? `M${xy.join('L')}` : '');
			area.setAttribute('d', xy.length > 1 ? `M${(from / (n - 1) * 1000).toFixed(1)} 100L${xy.join('L')}L1000 100Z` : '');
			set(c.figure.children[2].firstChild, c.end ? clock(c.end - (n - 1) * c.step) : '');
			set(c.figure.children[2].lastChild, 'now');
			showChart(c);
		}
	}

	// ---- tables and lists
	function row(cells) { const tr = element('tr'); cells.forEach((cls, i) => tr.append(element(i ? 'td' : 'th', cls))); tr.firstChild.scope = 'row'; return tr; }
	function bar() { const b = element('span', 'bar'); b.append(element('i')); return b; }
	function fill(b, share, state) { b.firstChild.style.width = `${Math.min(100, Math.max(0, share * 100)).toFixed(1)}%`; mark(b, state || 'good'); }
	function drawPartitions() {
		const most = Math.max(10, ...status.partitions.map(p => p.lag)), prefix = `${status.instance}.`;
		if (status.partitions.length) $('partition-rows').querySelector('.empty')?.parentElement.remove();
		keep($('partition-rows'), status.partitions, () => {
			const tr = row(['', 'number', 'wide', 'number']), lag = element('span', 'lag');
			lag.append(element('b'), bar());
			tr.children[2].append(lag);
			return tr;
		}, (tr, p) => {
			set(tr.children[0], `${p.topic.startsWith(prefix) ? p.topic.slice(prefix.length) : p.topic} / ${p.partition}`);
			set(tr.children[1], count(p.next));
			set(tr.children[2].firstChild.firstChild, count(p.lag));
			fill(tr.children[2].firstChild.lastChild, p.lag / most);
			set(tr.children[3], ago(p.commit_ms, status.now_ms));
		});
		if (!status.partitions.length) keep($('partition-rows'), [0], () => row(['empty']), tr => { tr.firstChild.colSpan = 4; set(tr.firstChild, 'Nothing was published yet.'); });
		keep($('pipeline-rows'), status.pipelines, () => row(['', 'number', 'number', 'number', 'number', 'number', 'number']), (tr, p) =>
			[p.name, count(p.originals), count(p.archived + p.published), count(p.committed), count(p.refused), count(p.doubled), count(p.aside)].forEach((t, i) => set(tr.children[i], t)));
	}
	function makeThing() {
		const li = element('li'), m = element('span', 'mark');
		m.setAttribute('aria-hidden', 'true');
		li.append(m, element('span', 'name'), element('span', 'detail'), element('span', 'word'), element('span', 'why'));
		return li;
	}
	function showThing(li, state, name, detail, word, why) {
		mark(li, state);
		set(li.children[1], name);
		set(li.children[2], detail);
		if (li.children[2].title !== detail) li.children[2].title = detail;
		set(li.children[3], word);
		set(li.children[4], why);
		li.children[4].hidden = !why;
	}
	function drawServices() {
		keep($('service-list'), status.services, makeThing, (li, s) => showThing(li, s.state === 'answers' ? 'good' : s.state === 'away' ? 'bad' : 'off',
			s.name, s.url, s.state, s.reason));
		const shown = status.processes.filter(p => p.alive || !/^(load|replay|compact$)/.test(p.name)); // what ends by itself is not missed
		keep($('process-list'), shown, makeThing, (li, p) => {
			const waits = status.waiting.filter(w => w.process === p.name).map(w => `${w.what}: ${w.reason} (${ago(w.since_ms, status.now_ms).replace(' ago', '')})`);
			const works = p.accepting || p.name === 'supervisor', state = p.stopped ? 'bad' : !p.alive ? (status.running ? 'bad' : 'off') : waits.length || p.waiting ? 'warn' : works ? 'good' : 'off';
			showThing(li, state, p.name, p.alive ? `up ${took(p.up_ms)}, ${bytes(p.memory_bytes)}${p.restarts ? `, ${count(p.restarts)} restart${p.restarts === 1 ? '' : 's'}` : ''}` : p.restarts ? `${count(p.restarts)} restarts` : '',
				!p.alive ? 'not running' : p.stopped ? 'stopped by a signal' : waits.length || p.waiting ? 'waits' : works ? 'works' : 'starting', waits.join('; '));
		});
	}
	// What the configuration bounds, in the order of `sluice status`, then the disks, which nobody bounds.
	function drawBudgets() {
		const list = status.budgets.filter(b => b.limit || b.reached).map(b => ({key: b.key, text: `${b.most ? 'the most: ' : ''}${b.counts}`, calm: b.most, unit: b.unit, used: b.used, bound: b.limit,
			full: b.full_since_ms ? `full for ${took(Math.max(0, status.now_ms - b.full_since_ms))}: ${b.at_limit}` : ''}));
		for (const d of status.disks) list.push({key: d.name, text: '', calm: false, unit: 'bytes', used: d.used_bytes, bound: d.bound_bytes, full: ''});
		keep($('budget-list'), list, () => {
			const li = element('li'), said = element('div', 'said'), b = bar(), meter = element('meter');
			said.append(element('span', 'key'), element('span'));
			b.setAttribute('aria-hidden', 'true');
			meter.max = 100;
			li.append(said, b, meter, element('span', 'what'), element('span', 'why'));
			return li;
		}, (li, x) => {
			const share = x.bound ? Math.min(1, x.used / x.bound) : 0, show = x.unit === 'bytes' ? bytes : n => `${count(n)} ${x.unit}`, [said, b, meter, what, why] = li.children;
			set(said.firstChild, x.key);
			set(said.lastChild, `${show(x.used)} of ${show(x.bound)}`);
			meter.value = share * 100;
			meter.setAttribute('aria-label', `${x.key}, in percent`);
			fill(b, share, x.calm || (!x.full && share <= .8) ? 'good' : x.full || share > .95 ? 'bad' : 'warn');
			set(what, x.text);
			what.hidden = !x.text;
			set(why, x.full);
			why.hidden = !x.full;
		});
	}

	// ---- rejects
	let rejects = [], cut = false, rejectsOf = null;
	async function askRejects() {
		const of = `${status.figures.rejects} ${status.pipelines.map(p => p.refused)} ${status.replays}`;
		if (of === rejectsOf) return;
		try {
			const r = await get('/api/rejects');
			rejects = r.rejects;
			cut = r.cut;
			// The list is gone through a little later than the figures are read: asked again until it has them.
			if (rejects.length || status.replays || !(status.figures.rejects || status.pipelines.some(p => p.refused))) rejectsOf = of;
			if (rejects.length && status.now_ms - Math.max(...rejects.map(x => x.committed_ms)) < 6000) rejectsOf = null;
		} catch (e) { return; }
		drawRejects();
	}
	function lostIn(r) {
		const lost = r.lost ? `${count(r.lost)} row${r.lost === 1 ? '' : 's'} lost` : 'rows lost not known';
		return `${count(r.rejects)} reject${r.rejects === 1 ? '' : 's'} inside it, ${lost}`;
	}
	function makeReject() { const li = element('li'); li.append(element('span', 'reason'), element('span', 'when'), element('span', 'path')); return li; }
	function makeOpenReject() {
		const li = makeReject(), button = element('button', 'more');
		button.type = 'button';
		button.textContent = 'Settle…';
		button.addEventListener('click', () => askWrite(li.reject));
		li.append(button);
		return li;
	}
	// The same reason is said once; what it befell lies behind it.
	const groups = new Map();
	function makeGroup() {
		const d = element('details'), s = element('summary'), list = element('ul', 'rejects'), more = element('button', 'more');
		s.append(element('span', 'reason'), element('span', 'many'), element('span', 'when'));
		more.type = 'button';
		more.addEventListener('click', () => { d.dataset.all = ''; drawRejects(); });
		d.append(s, list, more);
		return d;
	}
	function drawRejects() {
		const by = new Map(), list = $('reject-list');
		for (const r of rejects) {
			const reason = r.refused ? r.reason || 'refused' : 'rejects inside a file whose other rows were kept';
			if (!by.has(reason)) by.set(reason, []);
			by.get(reason).push(r);
		}
		set($('reject-count'), rejects.length ? `${whole.format(rejects.length)}${cut ? '+' : ''} file${rejects.length === 1 ? '' : 's'}` : '');
		$('reject-none').hidden = rejects.length > 0;
		for (const [reason, d] of groups) if (!by.has(reason)) { d.remove(); groups.delete(reason); }
		let place = 0;
		for (const [reason, those] of by) {
			const d = groups.get(reason) || makeGroup(), [summary, inside, more] = d.children, shown = 'all' in d.dataset ? those : those.slice(0, FEW);
			groups.set(reason, d);
			if (list.children[place] !== d) list.insertBefore(d, list.children[place] || null);
			place++;
			set(summary.children[0], reason);
			set(summary.children[1], `${whole.format(those.length)} file${those.length === 1 ? '' : 's'}`);
			set(summary.children[2], `last ${stamp(those[0].committed_ms, status.now_ms)}`);
			keep(inside, shown, makeOpenReject, (li, r) => {
				li.reject = r;
				set(li.children[0], r.replayed ? `replayed, ${count(r.rejects)} reject${r.rejects === 1 ? '' : 's'} left` : r.refused ? '' : lostIn(r));
				li.children[0].hidden = r.refused && !r.replayed;
				set(li.children[1], stamp(r.committed_ms, status.now_ms));
				set(li.children[2], `${r.path} · ${r.pipeline} · ${bytes(r.size)}${r.refused ? '' : ` · ${count(r.rows)} rows kept`}`);
				li.children[3].hidden = !status.writes;
				li.children[3].setAttribute('aria-label', `Settle… ${r.path}`);
			});
			more.hidden = shown.length === those.length;
			set(more, `Show all ${whole.format(those.length)}`);
		}
	}
	// ---- replay of all, or settling of one: asked for with a token that is kept nowhere but in its field
	const replayForm = $('replay-form'), replayOpen = $('replay-open'), settleWhy = $('settle-why');
	let refusal = '', settling = null;
	function showReplayForm(shown) {
		replayForm.hidden = !shown;
		replayOpen.setAttribute('aria-expanded', String(shown && !settling));
	}
	function askWrite(reject) {
		refusal = '';
		settling = reject;
		set($('replay-what'), reject ? `Takes the rejects of ${reject.path} off this list, for the reason that you give. Nothing is dissected; its rows and the original stay.`
			: 'Dissects every original with open rejects again, with the configuration that runs, and stores the rows that the tables lack.');
		set($('replay-do'), reject ? 'Settle' : 'Replay all');
		$('settle-label').hidden = settleWhy.disabled = !reject;
		settleWhy.value = '';
		showReplayForm(true);
		(reject ? settleWhy : $('replay-token')).focus({preventScroll: true});
		replayForm.scrollIntoView({block: 'nearest'});
		drawReplay();
	}
	function leaveWrite() {
		refusal = '';
		showReplayForm(false);
		replayOpen.focus();
		drawReplay();
	}
	replayOpen.addEventListener('click', () => replayForm.hidden || settling ? askWrite(null) : leaveWrite());
	replayForm.addEventListener('keydown', e => { if (e.key === 'Escape') leaveWrite(); });
	replayForm.addEventListener('submit', async e => {
		e.preventDefault();
		try {
			const r = await fetch(settling ? `/api/replay?${new URLSearchParams({original: settling.sha256, settle: settleWhy.value.trim()})}` : '/api/replay', {method: 'POST', cache: 'no-store', headers: {Authorization: `Bearer ${$('replay-token').value.trim()}`}, signal: AbortSignal.timeout(8000)});
			const text = await r.text();
			refusal = r.ok ? '' : r.headers.get('Content-Type') === 'application/json' ? JSON.parse(text).error : text.trim();
			if (r.ok) {
				status.replay = JSON.parse(text);
				showReplayForm(false);
				(settling ? $('rejects') : replayOpen).focus(); // the button of what is settled leaves with it
			}
		} catch (e) {
			refusal = 'it was not taken';
		}
		drawReplay();
	});
	function drawReplay() {
		const r = status.replay, busy = r.state === 'asked' || r.state === 'running', last = r.lines[r.lines.length - 1] || '', done = r.settle ? 'Settled' : 'Replayed';
		const [state, text] = !status.writes ? ['off', 'Replay is off here: no ops.token_file is given, so nothing can be changed. sluice replay does the same.']
			: refusal ? ['bad', `Not ${settling ? 'settled' : 'replayed'}: ${refusal}.`]
			: busy && r.settle ? ['move', 'Rejects are being settled.']
			: busy ? ['move', r.started_ms ? `A replay runs, for ${took(Math.max(0, status.now_ms - r.started_ms))}.` : 'A replay begins.']
			: r.state === 'none' ? ['off', '']
			: r.exit === 0 ? ['good', `${done} at ${clock(r.ended_ms)}: ${last}.`]
			: r.exit === 1 ? ['warn', `${done} at ${clock(r.ended_ms)}, and something is left: ${last}.`]
			: ['bad', `The ${r.settle ? 'settling' : 'replay'} failed at ${clock(r.ended_ms)}: ${last}.`];
		replayOpen.disabled = !status.writes;
		mark($('replay-note'), state);
		set($('replay-note'), text);
		const lines = r.state === 'done' ? r.lines.slice(0, -1) : r.lines;
		$('replay-lines').hidden = lines.length === 0;
		keep($('replay-lines'), lines, () => element('li'), (li, line) => set(li, line));
	}
	function drawAside() {
		const n = status.pipelines.reduce((sum, p) => sum + p.aside, 0);
		$('aside').hidden = n === 0;
		set($('aside-count'), n ? `${whole.format(n)}${n > status.aside.length ? `, ${status.aside.length} of them here` : ''}` : '');
		keep($('aside-list'), status.aside, makeReject, (li, f) => { set(li.children[0], f.reason); set(li.children[2], `${f.path} · ${f.pipeline}`); });
	}

	// ---- files: a window over all of them. Without a filter the n-th row is known by its number; with one, rows are found while one scrolls.
	const files = {top: 0, newest: 0, rows: new Map(), found: [], next: 0, filter: '', busy: false, pool: [], asked: 0, generation: 0};
	const pane = $('file-window'), space = $('file-space');
	const height = () => matchMedia('(max-width: 46rem)').matches ? 58 : 36;
	const total = () => files.filter ? files.found.length : files.top;
	const fileAt = i => files.filter ? files.found[i] : files.rows.get(files.top - i);
	const STATE = {archived: ['move', 'archived'], published: ['move', 'published'], committed: ['good', 'queryable'], refused: ['bad', 'refused']};
	function makeRow() {
		const div = element('div', 'row');
		div.setAttribute('role', 'row');
		for (const cls of ['path', 'cell-state', 'cell-size number quiet', 'cell-rows number', 'cell-seen number quiet', 'cell-took number']) { const c = element('span', cls); c.setAttribute('role', 'cell'); div.append(c); }
		const m = element('span', 'mark');
		m.setAttribute('aria-hidden', 'true');
		div.children[0].append(element('i'), element('bdi'));
		div.children[1].append(m, element('span'));
		return div;
	}
	function showRow(div, f) {
		const cell = div.children;
		if (!f) { for (const c of [cell[0].children[0], cell[0].children[1], cell[1].lastChild, cell[2], cell[3], cell[4], cell[5]]) set(c, ''); set(cell[0].children[1], '…'); mark(cell[1], 'off'); return; }
		const slash = f.path.lastIndexOf('/') + 1, [state, word] = STATE[f.state] || ['off', f.state];
		set(cell[0].children[0], matchMedia('(max-width: 46rem)').matches ? '' : f.path.slice(0, slash));
		set(cell[0].children[1], f.path.slice(slash));
		if (cell[0].title !== f.path) cell[0].title = f.path;
		mark(cell[1], f.rejects && f.state === 'committed' ? 'warn' : state);
		set(cell[1].lastChild, f.rejects && f.state === 'committed' ? `${word}, rejects` : word);
		set(cell[2], bytes(f.size));
		set(cell[3], f.committed_ms ? `${count(f.rows)}` : '');
		set(cell[4], stamp(f.seen_ms, status ? status.now_ms : Date.now()));
		set(cell[5], f.committed_ms && f.state === 'committed' ? took(Math.max(0, f.committed_ms - f.seen_ms)) : '');
	}
	function drawFiles() {
		const h = height(), n = total(), first = Math.max(0, Math.floor(pane.scrollTop / h) - 4), rows = Math.ceil(pane.clientHeight / h) + 8;
		space.style.height = `${n * h}px`;
		const shown = Math.max(0, Math.min(rows, n - first));
		while (files.pool.length < shown) { const r = makeRow(); files.pool.push(r); pane.append(r); }
		while (files.pool.length > shown) files.pool.pop().remove();
		files.pool.forEach((div, i) => {
			div.style.transform = `translateY(${(first + i) * h}px)`;
			div.setAttribute('aria-rowindex', String(first + i + 2));
			showRow(div, fileAt(first + i));
		});
		$('file-table').setAttribute('aria-rowcount', files.filter && files.next ? '-1' : String(n + 1));
		set($('file-count'), files.filter ? `${whole.format(n)}${files.next ? '+' : ''} found` : n ? whole.format(n) : '');
		set($('file-note'), n ? '' : files.filter ? (files.busy || files.next ? 'Searching…' : 'No file fits.') : 'No file yet.');
		const fresh = files.newest - files.top, button = $('file-new');
		button.hidden = files.filter !== '' || fresh <= 0 || pane.scrollTop < h;
		$('file-table').firstElementChild.firstElementChild.style.paddingRight = `${pane.offsetWidth - pane.clientWidth + 8}px`;
		if (!button.hidden) set(button, `${whole.format(fresh)} new above`);
	}
	// What is missing in sight, one request at a time; at the end of what was found, some more.
	async function fetchFiles(again) {
		if (files.busy || !status) return;
		const h = height(), first = Math.max(0, Math.floor(pane.scrollTop / h)), last = first + Math.ceil(pane.clientHeight / h), generation = files.generation;
		let query = null;
		if (files.filter) {
			if (files.found.length === 0 && files.next === 0 && again === 'first') query = `count=${CHUNK}`;
			else if (files.next && last + 20 > files.found.length) query = `count=${CHUNK}&before=${files.next}`;
		} else {
			let missing = null;
			for (let i = first; i <= last && i < files.top && missing === null; i++) if (!files.rows.has(files.top - i)) missing = i;
			if (again && missing === null) missing = first;
			if (missing !== null && files.top > 0) query = `count=${CHUNK}&before=${files.top - Math.max(0, missing - 20) + 1}`;
		}
		if (query === null) return;
		files.busy = true;
		try {
			const r = await get(`/api/files?${query}${files.filter ? `&${files.filter}` : ''}`);
			if (generation !== files.generation) return;
			files.newest = Math.max(files.newest, r.newest);
			if (files.filter) { files.found.push(...r.files); files.next = r.next; } else for (const f of r.files) files.rows.set(f.number, f);
			if (files.rows.size > 5000) for (const n of files.rows.keys()) { if (Math.abs(files.top - n - first) > 1000) files.rows.delete(n); }
		} catch (e) {
			return;
		} finally {
			files.busy = false;
		}
		drawFiles();
		fetchFiles();
	}
	let frame = 0;
	pane.addEventListener('scroll', () => { frame ||= requestAnimationFrame(() => { frame = 0; drawFiles(); fetchFiles(); }); }, {passive: true});
	function follow() { files.top = files.newest; pane.scrollTop = 0; drawFiles(); fetchFiles(true); }
	$('file-new').addEventListener('click', () => { follow(); pane.focus(); });
	async function askFiles() {
		if (Date.now() - files.asked < ROWS_MS || files.busy) return;
		files.asked = Date.now();
		const known = status.pipelines.reduce((n, p) => n + p.originals, 0);
		if (!files.filter && known !== files.known) {
			files.known = known;
			try { files.newest = (await get('/api/files?count=1')).newest; } catch (e) { return; }
			if (pane.scrollTop < height()) { follow(); return; }
		}
		// What is in sight and not at its end yet may have gone on.
		const moving = files.pool.some((_, i) => { const f = fileAt(Math.max(0, Math.floor(pane.scrollTop / height()) - 4) + i); return f && (f.state === 'archived' || f.state === 'published'); });
		if (moving && !files.filter) fetchFiles(true);
		drawFiles();
	}
	function filterFiles() {
		const q = new URLSearchParams();
		for (const name of ['text', 'state', 'pipeline']) if ($(`file-${name}`).value) q.set(name, $(`file-${name}`).value);
		files.filter = q.toString();
		files.generation++;
		files.busy = false;
		files.found = [];
		files.next = 0;
		pane.scrollTop = 0;
		if (files.filter) { fetchFiles('first'); drawFiles(); } else follow();
	}
	let typed = 0;
	$('file-text').addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(filterFiles, 200); });
	$('file-state').addEventListener('change', filterFiles);
	$('file-pipeline').addEventListener('change', filterFiles);
	$('file-form').addEventListener('submit', e => { e.preventDefault(); filterFiles(); });
	function drawPipelineChoice() {
		const list = $('file-pipeline');
		if (list.options.length === status.pipelines.length + 1) return;
		while (list.options.length > 1) list.lastElementChild.remove();
		for (const p of status.pipelines) list.append(new Option(p.name, p.name));
	}

	// ---- all of it
	function draw() {
		drawHead();
		if (!status || lost) return;
		drawTrouble();
		drawFlow();
		drawCharts();
		drawPartitions();
		drawServices();
		drawBudgets();
		drawReplay();
		drawAside();
		drawPipelineChoice();
		askRejects();
		askFiles();
	}
	for (const c of CHARTS) { c.values = [0, 0]; c.top = 0; c.newest = 0; $('charts').append(makeChart(c)); }
	const spans = [...document.querySelectorAll('[data-span]')];
	function choose(seconds) {
		span = seconds;
		for (const b of spans) b.setAttribute('aria-pressed', String(Number(b.dataset.span) === span));
		set($('span-text'), span === 60 ? 'minute' : `${span / 60} minutes`);
		if (status) drawCharts();
	}
	for (const b of spans) b.addEventListener('click', () => choose(Number(b.dataset.span)));
	choose(300);
	addEventListener('resize', () => { if (status) { drawRiver(stages()); drawFiles(); fetchFiles(); } });
	document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });
	round();
})();
