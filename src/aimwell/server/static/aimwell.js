/* aimwell.js: what visitors of a shop do, told to Aimwell. No cookie, nothing loaded from elsewhere. docs/collect.md
 *
 *   <script async src="https://aimwell.shop.example/aimwell.js" data-key="WRITE KEY"></script>
 */
(function (window, document) {
  "use strict";

  var script = document.currentScript || document.querySelector("script[data-key][src*='aimwell.js']");
  var early = window.aimwell;
  if (!script || (early && early.track)) return; // nothing to go by, or here already

  var setting = function (name) { return (script.getAttribute("data-" + name) || "").trim(); };
  var host = (setting("host") || new URL(script.src).origin).replace(/\/+$/, "");
  var key = setting("key");
  var required = setting("consent").split(/[\s,]+/).filter(Boolean);
  var location = window.location, navigator = window.navigator;

  var VERSION = "1";
  var CONSENT_EVENT = "Segment Consent Preference Updated"; // the name that Segment's clients give it
  var QUEUE_MAX = 500; // messages that wait in the browser; the oldest are given up
  var QUEUE_CHARS_MAX = 1000000;
  var BATCH_MAX = 100;
  var BATCH_BYTES_MAX = 60000; // what a page that is being left may still send is bounded by browsers to 64 KiB
  var MESSAGE_BYTES_MAX = 30000;
  var WAIT_MS = 1000, BACK_OFF_MS_MAX = 60000;

  // --- what is kept in the browser ---

  var memory = {}; // where the browser keeps nothing for us, and until the visitor has agreed

  function load(name) {
    try {
      var text = window.localStorage.getItem("aimwell." + name);
      if (text !== null) return JSON.parse(text);
    } catch (error) { /* not allowed, or not ours */ }
    return memory[name];
  }

  function keep(name, value) {
    memory[name] = value;
    try {
      window.localStorage.setItem("aimwell." + name, JSON.stringify(value));
      delete memory[name];
      return true;
    } catch (error) {
      try { window.localStorage.removeItem("aimwell." + name); } catch (again) { /* not allowed */ }
      return false;
    }
  }

  function keeps() {
    try { return !!window.localStorage; } catch (error) { return false; }
  }

  function forget(name) {
    delete memory[name];
    try { window.localStorage.removeItem("aimwell." + name); } catch (error) { /* not allowed */ }
  }

  function uuid() {
    var bytes = window.crypto.getRandomValues(new Uint8Array(16)), text = "";
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    bytes.forEach(function (byte) { text += (byte + 256).toString(16).slice(1); });
    return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  // --- consent ---

  var held = []; // messages of this page from before the visitor answered: never stored, never sent without a yes

  // "yes", "no" or "" while there is no answer. The browser's own signal (GPC) is a no until this site got a yes.
  function allowed(given) {
    var answers = given || load("consent");
    var said = required.map(function (category) { return answers ? answers[category] : undefined; });
    if (said.indexOf(false) >= 0) return "no";
    if (said.indexOf(undefined) >= 0) return navigator.globalPrivacyControl ? "no" : "";
    if (navigator.globalPrivacyControl && !required.length) {
      return answers && Object.keys(answers).some(function (category) { return answers[category]; }) ? "yes" : "no";
    }
    return "yes";
  }

  function forgetAll(last) {
    ["id", "user", "group"].forEach(forget);
    if (last && last.length) keep("queue", last); else forget("queue");
    mine = {};
    held = [];
    fresh = uuid();
  }

  // What was held is sent, under the id that a visitor has in all tabs.
  function release() {
    ["user", "group"].forEach(function (name) { if (memory[name]) keep(name, memory[name]); });
    held.splice(0).forEach(function (waited) {
      waited.context.consent = { categoryPreferences: load("consent") };
      waited.anonymousId = anonymousId();
      enqueue(waited);
    });
  }

  // Another tab was answered. It has seen to what is kept for all.
  window.addEventListener("storage", safely(function (change) {
    if (change.key === "aimwell.sent") (JSON.parse(change.newValue) || []).forEach(function (id) { delete mine[id]; });
    if (change.key !== "aimwell.consent") return;
    if (allowed() === "yes") return release();
    memory = {};
    mine = {};
    held = [];
    fresh = uuid();
  }));

  // consent({analytics: true, advertising: false}); returns all answers so far.
  function consent(answers) {
    if (!answers) return load("consent");
    var before = allowed(), old = load("consent"), all = Object.assign({}, old);
    for (var category in answers) all[category] = answers[category] === true;
    if (allowed(all) === "yes") keep("id", anonymousId()); // first, so that other tabs find it with the answer
    keep("consent", all); // an answer has to be remembered, also a no
    var now = allowed(), changed = JSON.stringify(all) !== JSON.stringify(old || {});
    if (now === "yes") {
      release();
      if (changed) track(CONSENT_EVENT);
    } else if (before === "yes") {
      // Who takes a yes back wants it known: that is the last that is sent, and all that is kept until then.
      forgetAll([message("track", { event: CONSENT_EVENT, properties: {} })]);
      flush(true);
    } else if (now === "no") {
      forgetAll();
    }
    return all;
  }

  // --- messages ---

  var fresh = uuid();

  function anonymousId() { return load("id") || fresh; }

  function pageFacts() {
    var canonical = document.querySelector("link[rel=canonical]");
    return {
      path: location.pathname, referrer: document.referrer, search: location.search, title: document.title,
      url: (canonical && canonical.href) || location.href.replace(/#.*/, "")
    };
  }

  function context() {
    var found = {
      library: { name: "aimwell.js", version: VERSION }, page: pageFacts(), locale: navigator.language,
      userAgent: navigator.userAgent
    };
    try { found.timezone = Intl.DateTimeFormat().resolvedOptions().timeZone; } catch (error) { /* an old browser */ }
    var campaign = {}, answers = load("consent"), group = load("group");
    new URLSearchParams(location.search).forEach(function (value, name) {
      if (/^utm_/.test(name)) campaign[name === "utm_campaign" ? "name" : name.slice(4)] = value;
    });
    if (Object.keys(campaign).length) found.campaign = campaign;
    if (answers) found.consent = { categoryPreferences: answers };
    if (group) found.groupId = group;
    return found;
  }

  function message(type, fields, options) {
    options = options || {};
    var made = {
      type: type, messageId: options.messageId || "aw-" + uuid(), anonymousId: anonymousId(),
      timestamp: new Date(options.timestamp || Date.now()).toISOString(),
      context: Object.assign(context(), options.context), integrations: options.integrations || {}
    };
    if (load("user")) made.userId = load("user");
    return Object.assign(made, fields);
  }

  function say(type, fields, options) {
    var may = allowed();
    if (may === "no") return;
    var made = message(type, fields, options);
    if (may === "yes") return enqueue(made);
    if (held.length < BATCH_MAX) held.push(made);
  }

  // --- the queue ---
  // It is read and written whole each time, so that several tabs may share it. A tab that writes at the same moment as
  // another may undo what that one wrote, so each remembers its own until they are sent, from wherever. What is sent
  // twice all the same, as by a page that is left and by the next one again, has the same messageId and counts once.

  var mine = {}, tab = uuid(), flying = {}, failures = 0, timer = 0, due = 0, notBefore = 0;

  function size(text) { return new Blob([text]).size; }

  function queued() {
    var queue = load("queue") || [], there = {};
    queue.forEach(function (waiting) { there[waiting.messageId] = 1; });
    for (var id in mine) if (!there[id]) queue.push(mine[id]);
    return queue;
  }

  function enqueue(made) {
    if (size(JSON.stringify(made)) > MESSAGE_BYTES_MAX) {
      return window.console.warn("aimwell: a message is larger than " + MESSAGE_BYTES_MAX + " bytes and is not sent");
    }
    if (!load("id")) keep("id", anonymousId());
    var queue = queued().concat(made).slice(-QUEUE_MAX);
    while (queue.length > 1 && JSON.stringify(queue).length > QUEUE_CHARS_MAX) queue.shift();
    // The browser is full. Where it keeps nothing at all for us, there is room in the page itself.
    while (!keep("queue", queue) && queue.length > 50 && keeps()) queue = queue.slice(queue.length >> 1);
    mine[made.messageId] = made;
    var kept = queue.map(function (waiting) { return waiting.messageId; });
    for (var id in mine) if (kept.indexOf(id) < 0) delete mine[id];
    later(WAIT_MS);
  }

  function dequeue(sent) {
    var left = queued().filter(function (waiting) { return !sent[waiting.messageId]; });
    for (var gone in sent) delete mine[gone];
    keep("sent", Object.keys(sent)); // told to the other tabs
    forget("sent");
    if (left.length) keep("queue", left); else forget("queue");
    for (var id in sent) delete flying[id];
  }

  function later(wait) {
    var at = Math.max(Date.now() + wait, notBefore);
    if (timer && due <= at) return;
    window.clearTimeout(timer);
    due = at;
    timer = window.setTimeout(function () { timer = 0; flush(); }, at - Date.now());
  }

  function nextBatch(leaving) {
    var batch = [], bytes = 200 + key.length;
    queued().every(function (waiting) {
      // What is on its way may not get there once the page is left: then it is sent once more.
      if (flying[waiting.messageId] > (leaving ? 1 : 0)) return true;
      bytes += size(JSON.stringify(waiting)) + 1;
      if (batch.length === BATCH_MAX || bytes > BATCH_BYTES_MAX) return false;
      return batch.push(waiting);
    });
    return batch;
  }

  // Send what waits. `leaving`: the page may be gone before the answer comes, and back-off does not count.
  function flush(leaving) {
    leaving = leaving === true;
    if (!leaving && Object.keys(flying).length) return;
    if (!leaving && Date.now() < notBefore) return later(0); // a timer from before the trouble came first
    var batch = nextBatch(leaving), ids = {}, busy = load("busy");
    if (!batch.length) return;
    if (!leaving) {
      // One tab sends at a time; one that was closed meanwhile is not waited for long.
      if (busy && busy[0] !== tab && busy[1] > Date.now()) return later(WAIT_MS);
      keep("busy", [tab, Date.now() + 5000]);
    }
    var body = JSON.stringify({ writeKey: key, sentAt: new Date().toISOString(), batch: batch });
    if (leaving && !("keepalive" in window.Request.prototype)) {
      navigator.sendBeacon(host + "/v1/batch", body); // its answer is never known, so all stays in the queue
      return;
    }
    batch.forEach(function (waiting) { ids[waiting.messageId] = flying[waiting.messageId] = leaving ? 2 : 1; });
    // A body of plain text asks for no preflight; the key stands in it, so no header is needed.
    window.fetch(host + "/v1/batch", { method: "POST", body: body, keepalive: leaving, credentials: "omit" })
      .then(function (answer) {
        if (!leaving) forget("busy");
        answer.text(); // unread, it would hold its share of what browsers allow to pages that are left
        var refused = answer.status === 400 || answer.status === 413;
        if (!answer.ok && !refused) throw answer;
        if (refused) window.console.warn("aimwell: " + batch.length + " messages were refused");
        failures = notBefore = 0;
        dequeue(ids);
        if (queued().length) later(0);
      })
      .catch(function (answer) {
        if (!leaving) forget("busy");
        for (var id in ids) delete flying[id];
        var asked = answer.headers ? Number(answer.headers.get("Retry-After")) * 1000 : 0;
        var wait = Math.min(BACK_OFF_MS_MAX, WAIT_MS * Math.pow(2, failures++)) * (0.75 + Math.random() / 2);
        notBefore = Date.now() + Math.max(wait, asked || 0);
        later(wait);
      });
  }

  // --- what pages and scripts call: the arguments are those of Segment's clients ---

  function track(event, properties, options) {
    say("track", { event: String(event), properties: properties || {} }, options);
  }

  function identify(userId, traits, options) {
    if (userId && typeof userId === "object") return identify(null, userId, traits);
    // Another person at the same browser: what was done so far is not theirs.
    if (userId && load("user") && load("user") !== String(userId)) reset();
    if (userId) remember("user", String(userId));
    say("identify", { traits: traits || {} }, options);
  }

  function page(category, name, properties, options) {
    if (category && typeof category === "object") return view(null, null, category, name);
    if (typeof name !== "string") return view(null, category, name, properties);
    view(category, name, properties, options);
  }

  function view(category, name, properties, options) {
    var fields = { properties: Object.assign(pageFacts(), properties) };
    if (name) fields.name = fields.properties.name = name;
    if (category) fields.category = fields.properties.category = category;
    say("page", fields, options);
  }

  function group(groupId, traits, options) {
    remember("group", String(groupId));
    say("group", { groupId: String(groupId), traits: traits || {} }, options);
  }

  function alias(userId, previousId, options) {
    previousId = previousId || load("user") || anonymousId();
    remember("user", String(userId));
    say("alias", { userId: String(userId), previousId: String(previousId) }, options);
  }

  // After signing out somebody else may sit here.
  function reset() {
    ["id", "user", "group"].forEach(forget);
    fresh = uuid();
  }

  function remember(name, value) {
    var may = allowed();
    if (may === "yes") keep(name, value); else if (!may) memory[name] = value;
  }

  // --- what pages say by attributes ---

  var CART = { add: "Product Added", remove: "Product Removed", view: "Cart Viewed", checkout: "Checkout Started" };
  var OWN = /^data-aimwell-(?!(?:event|cart|search|view)$)(.+)/;
  var NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?$/;

  // The properties of an element and of all around it; of two of one name the inner one counts.
  function propertiesOf(element) {
    var found = {};
    for (; element && element.attributes; element = element.parentElement) {
      Array.from(element.attributes).forEach(function (attribute) {
        var named = OWN.exec(attribute.name), value = attribute.value, name = named && named[1].replace(/-/g, "_");
        if (!named || name in found) return;
        found[name] = NUMBER.test(value) ? Number(value) : /^(true|false)$/.test(value) ? value === "true" : value;
      });
    }
    return found;
  }

  function tell(element, form) {
    var event = element.getAttribute("data-aimwell-event") || CART[element.getAttribute("data-aimwell-cart")];
    var found = propertiesOf(element);
    var quantity = form && form.elements.namedItem("quantity");
    if (quantity && NUMBER.test(quantity.value) && !("quantity" in found)) found.quantity = Number(quantity.value);
    if (event) track(event, found);
  }

  function marked(target) {
    return target.closest && target.closest("[data-aimwell-event],[data-aimwell-cart]");
  }

  document.addEventListener("click", safely(function (click) {
    var element = marked(click.target);
    if (element && element.tagName !== "FORM") tell(element, element.form);
  }), true);

  document.addEventListener("submit", safely(function (submit) {
    var form = submit.target, field = form.getAttribute && form.getAttribute("data-aimwell-search");
    if (field === null) return marked(form) === form && tell(form, form);
    var input = form.querySelector(field ? "[name='" + field + "']" : "[type=search],[type=text],input:not([type])");
    var query = input && input.value.trim();
    if (query) track("Products Searched", Object.assign(propertiesOf(form), { query: query }));
  }), true);

  // --- pages and the time on them ---

  var here, since = 0, seconds = 0, moving, facts;

  function address() { return location.pathname + location.search; }

  function clock() {
    if (since) seconds += (Date.now() - since) / 1000;
    since = document.visibilityState === "visible" ? Date.now() : 0;
  }

  function leave() {
    clock();
    since = 0;
    if (facts && seconds >= 1) track("Time on Page", Object.assign({ seconds: Math.round(seconds) }, facts));
    seconds = 0;
  }

  function arrive() {
    here = address();
    facts = pageFacts();
    clock();
    if (setting("pages") !== "off") view();
    var query = setting("search") && new URLSearchParams(location.search).get(setting("search"));
    if (query) track("Products Searched", { query: query });
    document.querySelectorAll("[data-aimwell-view]").forEach(function (element) {
      track(element.getAttribute("data-aimwell-view"), propertiesOf(element));
    });
  }

  // In a shop that is one page, a change of the address is a page.
  function moved() {
    if (!facts || address() === here) return;
    leave();
    here = address();
    window.clearTimeout(moving);
    moving = window.setTimeout(safely(arrive), 0); // so that the new title is there
  }

  ["pushState", "replaceState"].forEach(function (name) {
    var original = window.history[name];
    window.history[name] = function () {
      var answer = original.apply(this, arguments);
      safely(moved)();
      return answer;
    };
  });
  window.addEventListener("popstate", safely(moved));

  document.addEventListener("visibilitychange", safely(function () {
    if (document.visibilityState === "visible") return clock();
    leave();
    flush(true);
  }));
  window.addEventListener("pagehide", safely(function () { leave(); flush(true); }));
  window.addEventListener("pageshow", safely(function (show) {
    if (!show.persisted) return;
    flying = {}; // no answer comes any more to a page that was put away
    arrive();
  }));
  window.addEventListener("online", safely(function () { failures = notBefore = 0; flush(); }));

  // Whatever goes wrong here must never break the shop's page.
  function safely(action) {
    return function () {
      try { return action.apply(null, arguments); } catch (error) { window.console.warn("aimwell: " + error); }
    };
  }

  var api = {
    track: track, identify: identify, page: page, group: group, alias: alias, reset: reset, consent: consent
  };
  Object.keys(api).forEach(function (name) { api[name] = safely(api[name]); });
  api.flush = safely(function () { flush(); });
  api.push = safely(function (call) { api[call[0]].apply(null, call.slice(1)); }); // as the array did before
  api.anonymousId = anonymousId;
  window.aimwell = api;

  function start() {
    if (!key) return window.console.warn("aimwell: the script has no data-key, so nothing is sent");
    (Array.isArray(early) ? early : []).forEach(api.push); // first who it is and what is allowed, then the page
    if (allowed() === "no") {
      forgetAll((load("queue") || []).filter(function (waiting) { return waiting.event === CONSENT_EVENT; }));
    }
    arrive();
    if (load("queue")) later(0); // what an earlier page could not send
  }

  function ready() {
    if (document.readyState !== "loading") return safely(start)();
    document.addEventListener("DOMContentLoaded", safely(start));
  }

  // A page that is only made ready in case somebody goes there is no visit yet.
  if (document.prerendering) document.addEventListener("prerenderingchange", ready, { once: true }); else ready();
})(window, document);
