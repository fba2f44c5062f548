// The figures: pointing at a row, or stepping to it, lights its line in the listing and in tcpdump's text and opens its
// header; "predict" covers the rows until they are asked for. Everything shown here stands in the page without it.
(() => {
  'use strict';
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const all = (root, selector) => [...root.querySelectorAll(selector)];

  // Which lines of a file an excerpt shows, in order: "3-5,9" is [3, 4, 5, 9].
  const numbers = (ranges) => ranges.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });

  // The place of a line of a code block, whatever the highlighter made of its text.
  const lineBox = (code, index) => {
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    let line = 0;
    let open = false;
    for (let node; (node = walker.nextNode());) {
      let from = 0;
      for (;;) {
        if (line === index && !open) {
          range.setStart(node, from);
          open = true;
        }
        const end = node.data.indexOf('\n', from);
        if (end < 0) break;
        if (line === index) {
          range.setEnd(node, end);
          return range.getBoundingClientRect();
        }
        line += 1;
        from = end + 1;
      }
      if (open) range.setEnd(node, node.data.length);
    }
    return open ? range.getBoundingClientRect() : null;
  };

  let bars = [];
  const lightSource = (file, line) => {
    bars.forEach((bar) => bar.remove());
    bars = [];
    let found = null;
    for (const excerpt of all(document, '[data-file][data-lines]:not(details:not([open]))')) {
      if (excerpt.dataset.file !== file) continue;
      const index = numbers(excerpt.dataset.lines).indexOf(line);
      const code = excerpt.querySelector('code[class*="language-"], pre code');
      const box = index >= 0 && code && lineBox(code, index);
      if (!box || !box.height) continue;
      const pre = code.closest('pre');
      const bar = make('span', { className: 'ladder-line' });
      bar.style.top = `${box.top - pre.getBoundingClientRect().top - pre.clientTop + pre.scrollTop - 1}px`;
      bar.style.height = `${box.height + 2}px`;
      pre.append(bar);
      bars.push(bar);
      found ??= excerpt;
    }
    return found;
  };

  const setUp = (figure) => {
    const units = all(figure, '.ladder-one').map((root) => ({
      root,
      lines: all(root, 'tbody tr'),
      drawn: all(root, 'svg [data-row]'),
      // A row is focused and pressed by its background, which is named by the row of the table.
      keys: all(root, '.row > .hit'),
      // What else on the page speaks of this recording: tcpdump's text, annotations.
      told: all(document, '[data-segment]').filter((element) => !element.closest('.ladder-one')
        && element.closest('[data-recording]')?.dataset.recording === root.dataset.recording),
    }));
    const main = units[0];
    let current = null;
    let opened = Infinity;
    let pinned = false;

    const panel = make('div', { className: 'ladder-panel', id: `${figure.id}-panel`, hidden: true });
    const place = make('div', { className: 'ladder-place' }, panel);
    const status = make('span', { className: 'ladder-status' });
    status.setAttribute('role', 'status');
    const button = (text, label, act) => {
      const made = make('button', { type: 'button', textContent: text, title: label, onclick: act });
      made.setAttribute('aria-label', label);
      return made;
    };
    const up = button('↑', 'previous row', () => step(-1));
    const down = button('↓', 'next row', () => step(1));
    const guess = button('Predict', 'cover the rows and predict them', () => ask(true));
    const tools = make('div', { className: 'ladder-tools' }, status, guess, up, down);
    figure.append(place, tools);

    // The rows of every unit that stand at the height of this one.
    const beside = (unit, row) => units.map((other) => {
      if (other === unit) return [other, row];
      const pair = unit.drawn.find((g) => +g.dataset.row === row && g.dataset.pair)?.dataset.pair;
      const twin = pair && other.drawn.find((g) => g.dataset.pair === pair);
      return twin ? [other, +twin.dataset.row] : null;
    }).filter(Boolean);

    const clear = () => {
      for (const unit of units) {
        [...unit.drawn, ...unit.told].forEach((element) => element.classList.remove('lit'));
        unit.keys.forEach((key) => key.setAttribute('aria-expanded', 'false'));
      }
    };
    const hide = () => {
      clear();
      lightSource();
      panel.hidden = true;
      pinned = false;
      current = null;
    };

    const fields = (line) => JSON.parse(line.dataset.fields || '[]');
    // A row as the panel shows it; `other` is the row beside it, where two recordings are compared.
    const card = (line, other) => {
      const cells = [...line.cells].map((cell) => cell.textContent);
      const what = cells[3] || cells[2] || cells[4] || cells[1] || cells[5];
      const head = make('p', {}, make('strong', { textContent: what }), main.root.dataset.unit && ` at ${cells[0]} ${main.root.dataset.unit}`);
      if (cells[6]) head.append(` · ${cells[6]}`);
      const list = make('dl');
      const values = other && new Map(fields(other));
      for (const [name, value, raw] of fields(line)) {
        const shown = make('dd', { textContent: value });
        if (raw) shown.append(make('small', { textContent: ` ${raw}`, title: 'as it stands in the packet' }));
        if (values && values.get(name) !== value) shown.className = 'differs';
        const part = /^(ip|call)$/.test(name) ? 'ladder-part' : '';
        list.append(make('div', { className: part }, make('dt', { textContent: name }), shown));
      }
      const section = make('section', {}, head);
      const { file, line: number, code } = line.dataset;
      if (file) section.append(make('p', {}, make('code', { textContent: code }), ` ${file}${number ? `:${number}` : ''}`));
      if (list.childElementCount) section.append(list);
      return section;
    };

    const show = (unit, row) => {
      if (row >= opened) return;
      place.classList.toggle('held', pinned);
      if (current && current[0] === unit && current[1] === row) return;
      clear();
      current = [unit, row];
      const lines = [];
      for (const [other, index] of beside(unit, row)) {
        const line = other.lines[index];
        lines.push(line);
        for (const g of other.drawn) {
          if (+g.dataset.row !== index) continue;
          g.classList.add('lit');
          g.querySelector('.hit')?.setAttribute('aria-expanded', 'true');
        }
        other.told.forEach((each) => each.classList.toggle('lit', each.dataset.segment === line.dataset.segment));
      }
      const { file, line: number } = unit.lines[row].dataset;
      const excerpt = lightSource(file, +number);
      const cards = lines.map((line, i) => card(line, lines[1 - i]));
      panel.replaceChildren(...cards);
      if (excerpt) {
        excerpt.id ||= `${figure.id}-listing-${number}`;
        const link = make('a', { href: `#${excerpt.id}`, textContent: 'in the listing' });
        cards[lines.indexOf(unit.lines[row])].children[1].append(' ', link);
      }
      panel.hidden = false;
      // At the foot of the window, or at its head where that would cover the row and this would not.
      const box = visible(unit, row)?.getBoundingClientRect();
      const frame = figure.getBoundingClientRect();
      const tall = panel.offsetHeight + 12;
      const low = box && box.bottom > Math.min(innerHeight, frame.bottom) - tall && box.top > Math.max(0, frame.top) + tall;
      place.className = `ladder-place${low ? ' top' : ''}${pinned ? ' held' : ''}`;
      if (low) figure.prepend(place);
      else tools.before(place);
    };

    const at = (key) => +key.parentNode.dataset.row;
    const visible = (unit, row) => unit.keys.find((key) => at(key) === row && key.getClientRects().length);
    const focus = (unit, row) => {
      const key = visible(unit, row);
      if (!key) return;
      units.forEach((other) => other.keys.forEach((each) => {
        each.setAttribute('tabindex', other === unit && at(each) === row ? '0' : '-1');
      }));
      key.focus({ preventScroll: true });
      key.scrollIntoView({ block: 'nearest' });
    };
    const step = (by) => {
      const [unit, row] = current ?? [main, by > 0 ? -1 : main.lines.length];
      const next = Math.max(0, Math.min(unit.lines.length - 1, row + by));
      if (next >= opened) open(next + 1);
      pinned = true;
      focus(unit, next);
    };

    // Predict: rows from `count` on are covered.
    const open = (count) => {
      opened = count >= main.lines.length ? Infinity : count;
      for (const unit of units) {
        unit.drawn.forEach((g) => g.classList.toggle('covered', +g.dataset.row >= opened));
        unit.lines.forEach((line, index) => { line.hidden = index >= opened; });
        const shown = new Set(unit.lines.slice(0, opened).map((line) => line.dataset.segment));
        unit.told.filter((element) => figure.parentNode.contains(element))
          .forEach((element) => element.classList.toggle('covered', !shown.has(element.dataset.segment)));
      }
      const { guess: said } = figure.dataset;
      if (!said) return;
      const covered = opened < Infinity;
      const now = covered ? `. Row ${opened} of ${main.lines.length}.` : `; there are ${main.root.dataset.segments} segments.`;
      status.textContent = `You said ${said}${now}`;
      guess.textContent = covered ? 'Show all' : 'Predict';
    };
    const ask = (now) => {
      if (opened < Infinity) return open(Infinity);
      hide();
      open(0);
      const input = make('input', { type: 'number', min: 1, max: 999, required: true });
      const form = make('form', { className: 'ladder-ask' },
        make('label', {}, 'How many segments will there be? ', input),
        make('button', { textContent: 'Begin' }));
      form.onsubmit = (event) => {
        event.preventDefault();
        figure.dataset.guess = input.value;
        form.remove();
        tools.hidden = false;
        step(1);
      };
      tools.hidden = true;
      figure.prepend(form);
      if (now) input.focus({ preventScroll: true });
    };

    for (const unit of units) {
      all(unit.root, 'svg').forEach((svg) => svg.setAttribute('role', 'group'));
      all(unit.root, 'svg text').forEach((text) => text.setAttribute('aria-hidden', 'true'));
      for (const key of unit.keys) {
        const cells = [...unit.lines[at(key)].cells].map((cell) => cell.textContent).filter(Boolean);
        Object.entries({
          role: 'button', 'aria-label': cells.join('; '), 'aria-expanded': 'false', 'aria-controls': panel.id,
          tabindex: unit === main && !at(key) ? '0' : '-1',
        }).forEach((pair) => key.setAttribute(...pair));
      }
    }
    const rowOf = (target) => {
      const g = target.closest?.('.row');
      const unit = g && units.find((other) => other.root.contains(g));
      return unit ? [unit, +g.dataset.row] : null;
    };
    figure.addEventListener('pointerover', (event) => {
      const found = event.pointerType !== 'touch' && !pinned && rowOf(event.target);
      if (found) show(...found);
    });
    figure.addEventListener('pointerleave', () => pinned || hide());
    figure.addEventListener('focusin', (event) => {
      const found = rowOf(event.target);
      if (found) show(...found);
    });
    figure.addEventListener('focusout', (event) => figure.contains(event.relatedTarget) || hide());
    figure.addEventListener('click', (event) => {
      const found = rowOf(event.target);
      if (!found) return;
      pinned = true;
      focus(...found);
      show(...found);
    });
    figure.addEventListener('keydown', (event) => {
      // mdBook turns pages with the arrow keys, wherever they are pressed.
      if (event.target.matches('input')) event.stopPropagation();
      if (event.key === 'Escape') hide();
      const found = rowOf(event.target);
      if (!found || event.ctrlKey || event.altKey || event.metaKey) return;
      const last = found[0].lines.length - 1;
      const by = { ArrowDown: 1, ArrowUp: -1, Home: -last, End: last }[event.key];
      if (by) step(by);
      else if (event.key === 'Enter' || event.key === ' ') show(...found);
      else return;
      event.preventDefault();
    });
    if (figure.dataset.mode === 'predict') ask();
  };

  all(document, '.ladder-figure').forEach(setUp);
})();
