# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prices in the answers of the Pricing API, found by what AWS calls their usage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Usage = Mapping[str, str]


def query(usage: Usage, region: str) -> dict[str, Any]:
    """What GetProducts takes; several usages of one service share it."""
    wanted = {"regionCode": region, "productFamily": usage.get("family"), "operation": usage.get("operation")}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items() if value]
    return {"ServiceCode": usage["service"], "Filters": filters}


def is_usage(found: str, wanted: str) -> bool:
    """Whether a usage type is the wanted one of some region: `APS1-LCUUsage` is `LCUUsage`, `APS1-TS-LCUUsage` not."""
    return re.fullmatch(rf"([A-Z]{{2,5}}\d?-)?{re.escape(wanted)}", found) is not None


def on_demand(product: Mapping[str, Any]) -> Iterator[tuple[Decimal, Decimal]]:
    """(where a tier begins, USD for each unit) of a product."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for tier in term["priceDimensions"].values():
            yield Decimal(tier.get("beginRange") or 0), Decimal(tier["pricePerUnit"].get("USD", 0))


def price_in(products: Iterable[str], usage: Usage) -> str | None:
    """The price of a usage: of its tiers the first that is not free; None if no product has it.

    :param products: the `PriceList` of GetProducts, JSON texts.
    """
    tiers = [
        tier
        for product in map(json.loads, products)
        if is_usage(product["product"]["attributes"].get("usagetype", ""), usage["type"])
        for tier in on_demand(product)
        if tier[1]
    ]
    return f"{min(tiers)[1].normalize():f}" if tiers else None


def look_up(client: Any, prices: Mapping[str, Mapping[str, Any]], region: str) -> dict[str, str]:
    """USD for each unit by name, of those with a `usage` that AWS knows. What answers together is asked once."""
    answers: dict[str, list[str]] = {}
    found = {}
    for name, entry in prices.items():
        usage = entry.get("usage")
        if not usage:
            continue
        question = query(usage, region)
        key = json.dumps(question)
        if key not in answers:
            pages = client.get_paginator("get_products").paginate(**question)
            answers[key] = [product for page in pages for product in page["PriceList"]]
        price = price_in(answers[key], usage)
        if price is not None:
            found[name] = price
    return found
